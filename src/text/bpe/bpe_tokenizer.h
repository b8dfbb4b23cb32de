// A tokenizer of byte-level BPE: a splitter cuts the text into pieces, and merges join the bytes
// within each piece. This is GPT-2's encoding, and that of every BPE tokenizer that Stemma trains;
// the other encodings of this kind differ in splitter and data only.
//
//   auto tokenizer = std::make_shared<BpeTokenizer>(vocabulary, gpt2_splitter(), eot_id);
//
// Any number of threads may encode and decode at once. They share a cache of words and their ids
// (word_cache.h) of at most 4 MiB. encode() needs less than 100 KiB beside the text and the ids,
// and one bit for each byte of the longest piece. Where the vocabulary says `lowercase`, decode()
// gives the text in lower case. Where it says that bytes are missing, texts lose them. Where it has
// `prefix_space`, decode() gives that space too.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/bpe/bpe_merger.h"
#include "text/bpe/bpe_vocabulary.h"
#include "text/lookup/name_finder.h"
#include "text/split/splitter.h"
#include "text/tokenizer.h"

namespace stemma::lookup {
class WordCache;
}

namespace stemma::bpe {

class BpeTokenizer final : public Tokenizer {
 public:
  // vocabulary: as VocabularyBuilder checked it. splitter: kept, not owned. end_of_text: one of the
  // special tokens.
  BpeTokenizer(BpeVocabulary vocabulary, const split::Splitter& splitter,
               std::optional<std::int32_t> end_of_text);
  ~BpeTokenizer() override;

  std::int32_t vocab_size() const override {
    return static_cast<std::int32_t>(vocabulary_.tokens.size());
  }
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const override;
  std::string_view bytes_of(std::int32_t id) const override;
  using Tokenizer::decode;
  void decode(std::span<const std::int32_t> ids, std::string& text) const override;
  const std::vector<std::pair<std::string, std::int32_t>>& special_tokens() const override {
    return vocabulary_.special_tokens;
  }
  std::string_view flag_of_special(std::int32_t id) const override {
    return vocabulary_.flag_of_special(id);
  }
  std::optional<std::int32_t> end_of_text() const override { return end_of_text_; }
  void save(const std::filesystem::path& folder) const override;
  bool keeps_bytes() const override {
    return !vocabulary_.lowercase && !vocabulary_.prefix_space && vocabulary_.missing_bytes.empty();
  }
  std::vector<std::pair<std::string, std::int32_t>> special_roles() const override;
  bool joins_bytes() const override { return true; }
  std::string_view chat_template() const override { return vocabulary_.chat_template; }
  std::size_t last_boundary(std::string_view text) const override;
  Framed frame(std::span<const std::int32_t> first) const override;
  Framed frame(std::span<const std::int32_t> first,
               std::span<const std::int32_t> second) const override;

  const BpeVocabulary& vocabulary() const { return vocabulary_; }
  const split::Splitter& splitter() const { return splitter_; }

 private:
  // What is between two added tokens.
  void encode_between(std::string_view text, std::vector<std::int32_t>& ids) const;
  std::size_t last_boundary_between(std::string_view text) const;

  BpeVocabulary vocabulary_;
  lookup::NameFinder added_;
  BpeMerger merger_;
  std::unique_ptr<lookup::WordCache> words_;
  const split::Splitter& splitter_;
  std::optional<std::int32_t> end_of_text_;
};

// Documents are separated by the special token `eos_name` or, where that is empty or unknown, by
// <|endoftext|> if the vocabulary has it.
std::shared_ptr<const BpeTokenizer> make_bpe_tokenizer(BpeVocabulary vocabulary,
                                                       const split::Splitter& splitter,
                                                       std::string_view eos_name = {});

}  // namespace stemma::bpe

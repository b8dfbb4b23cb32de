#include "text/bpe_tokenizer.h"

#include <array>

#include <fmt/format.h>

#include "base/error.h"
#include "text/hugging_face.h"
#include "text/piece_cache.h"

namespace stemma {

BpeTokenizer::BpeTokenizer(BpeVocabulary vocabulary, const Splitter& splitter,
                           std::optional<std::int32_t> end_of_text)
    : vocabulary_(std::move(vocabulary)),
      merger_(vocabulary_),
      splitter_(splitter),
      end_of_text_(end_of_text) {}

void BpeTokenizer::encode(std::string_view text, std::vector<std::int32_t>& ids) const {
  PieceCache cache(text);
  const char* const text_end = text.data() + text.size();
  std::array<std::size_t, 256> ends;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t count = splitter_.split(text, begin, ends);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string_view piece = text.substr(begin, ends[i] - begin);
      begin = ends[i];
      if (piece.size() == 1) {
        ids.push_back(merger_.id_of_byte(piece[0]));
      } else if (!cache.copy(piece, ids)) {
        const std::size_t first = ids.size();
        merger_.encode(piece, ids, text_end);
        cache.put(piece, ids, first);
      }
    }
  }
}

std::string_view BpeTokenizer::bytes_of(std::int32_t id) const {
  const auto& tokens = vocabulary_.tokens;
  if (id < 0 || static_cast<std::size_t>(id) >= tokens.size() || tokens[id].empty())
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[tokenizer] token id {} is {}; the vocabulary has {} ids", id,
                    id < 0 || id >= vocab_size() ? "out of range" : "unused", tokens.size()));
  return tokens[id];
}

std::shared_ptr<const BpeTokenizer> make_bpe_tokenizer(BpeVocabulary vocabulary,
                                                       const Splitter& splitter,
                                                       std::string_view eos_name) {
  std::optional<std::int32_t> end_of_text;
  for (const std::string_view wanted : {std::string_view("<|endoftext|>"), eos_name})
    for (const auto& [name, id] : vocabulary.special_tokens)
      if (name == wanted) end_of_text = id;
  return std::make_shared<BpeTokenizer>(std::move(vocabulary), splitter, end_of_text);
}

void BpeTokenizer::save(const std::filesystem::path& folder) const {
  save_hugging_face(*this, folder);
}

}  // namespace stemma

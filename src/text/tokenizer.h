// Text to token ids and back: one interface for every encoding.
//
//   auto tokenizer = open_tokenizer("gpt2");
//   std::vector<std::int32_t> ids;
//   tokenizer->encode("Hello world", ids);               // 15496 995
//   std::string text = tokenizer->decode(ids);
//
// Any bytes are text, and decoding what was encoded gives the same bytes, except where
// keeps_bytes() is false: GPT-1's encoding and WordPiece clean text and have a token for what they
// cannot spell (gpt1/gpt1_tokenizer.h, wordpiece/tokenizer.h), and SmolLM2's leaves out the bytes
// that it has no token for. Text never yields another special token: a "<|endoftext|>" in it is
// ordinary characters, and callers add special ids themselves. Tokenizers are immutable and may be
// used from several threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stemma {

// The ids of a text, or of two, with what a model expects around them, and for each id the number
// of its segment: 0, or 1 for what belongs to the second text.
struct Framed {
  std::vector<std::int32_t> ids, segments;

  bool operator==(const Framed&) const = default;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Ids are [0, vocab_size()), special tokens included.
  virtual std::int32_t vocab_size() const = 0;
  // Appends the ids of `text`.
  virtual void encode(std::string_view text, std::vector<std::int32_t>& ids) const = 0;
  // The bytes that an id stands for; a special token's are its name, "<|endoftext|>".
  // Throws invalid_argument for an id out of range or without a token.
  virtual std::string_view bytes_of(std::int32_t id) const = 0;
  // Whether an id stands for anything: not those that a vocabulary leaves out, nor those beyond it
  // that pad a model's to a round size.
  bool has_token(std::int32_t id) const;
  // (name, id) of the special tokens, by id.
  virtual const std::vector<std::pair<std::string, std::int32_t>>& special_tokens() const = 0;
  // A flag of a special token in its file that changes ids beside it, which SpecialEncoder does not
  // follow ("lstrip"); empty: none.
  virtual std::string_view flag_of_special(std::int32_t) const { return {}; }
  // The token that separates documents, where the encoding has one.
  virtual std::optional<std::int32_t> end_of_text() const = 0;
  // (transformers' name of a part, id) of the special tokens that play one: ("bos_token", 1).
  virtual std::vector<std::pair<std::string, std::int32_t>> special_roles() const { return {}; }
  // The template that puts a conversation into text, in Jinja, as the tokenizer's files have it;
  // empty: none. chat/chat_template.h reads it.
  virtual std::string_view chat_template() const { return {}; }
  // Writes tokenizer.json, tokenizer_config.json, special_tokens_map.json and what belongs to the
  // kind (vocab.json and merges.txt, as Hugging Face's GPT-2 has them; vocab.txt) into an existing
  // folder. Each file is whole or absent.
  virtual void save(const std::filesystem::path& folder) const = 0;

  // Whether every text decodes to the same bytes and decode() is no more than bytes_of() of each
  // id: false where encoding cleans text or loses bytes.
  virtual bool keeps_bytes() const { return true; }
  // Whether decode() is no more than bytes_of() of each id, joined, even where encoding loses
  // bytes.
  virtual bool joins_bytes() const { return keeps_bytes(); }
  // Where `text` may be cut so that both parts, encoded apart, give the ids of the whole, whatever
  // follows it: a place near its end, or 0 where none is known. Time is linear in the text at
  // worst.
  virtual std::size_t last_boundary(std::string_view text) const;

  // Appends the text of `ids` to `text`. Throws as bytes_of().
  virtual void decode(std::span<const std::int32_t> ids, std::string& text) const;
  std::string decode(std::span<const std::int32_t> ids) const;

  // What the tokenizer's files add to encoded texts (Hugging Face calls it the post-processor):
  // BERT's [CLS] A [SEP] and [CLS] A [SEP] B [SEP]. Here: nothing.
  virtual Framed frame(std::span<const std::int32_t> first) const;
  virtual Framed frame(std::span<const std::int32_t> first,
                       std::span<const std::int32_t> second) const;
};

// `source`: a folder (tokenizer.json, or vocab.json with merges.txt, or vocab.txt), a file
// (tokenizer.json, *.tiktoken, vocab.txt) or the name of a built-in encoding ("gpt2", "bytes").
// What exists goes before a built-in name, with a line in the log; a folder with nothing of a
// tokenizer does not. Throws not_found, corrupt,
// unsupported (named feature).
std::shared_ptr<const Tokenizer> open_tokenizer(const std::string& source);

// Whether a folder has the files of a tokenizer.
bool has_tokenizer(const std::filesystem::path& folder);

// The built-in encoding that is taken where none is named, and its name.
std::shared_ptr<const Tokenizer> default_tokenizer();
std::string_view default_tokenizer_name();

// Writes what open_tokenizer() reads. `path` ends in .tiktoken: the ranks (tiktoken_file.h); in
// .txt: the tokens by line (vocab_txt.h); otherwise Tokenizer::save() to a folder, which is created
// where it is missing. Throws unsupported where that kind of file cannot hold the tokenizer;
// device.
void save_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& path);

}  // namespace stemma

// Encodes text in which some special tokens count: the ones that the caller names. Every other
// special token in the text stays ordinary text.
//
//   const std::vector<std::string> allowed = {"<|endoftext|>"};
//   const SpecialEncoder encoder(*tokenizer, allowed);
//   encoder.encode("a<|endoftext|>b", ids);        // the id of <|endoftext|> between two others
//
// Do not use it for text that comes from a user: with a name allowed, whoever writes the text can
// write the token.
//
// Matching is leftmost-longest (lookup/name_finder.h). The text between matches is encoded by the
// tokenizer, each stretch by itself. The ids are those of tiktoken's encode(text,
// allowed_special=names, disallowed_special=()), unless one name is a prefix of another: then
// tiktoken's choice depends on the order of a hash map.
//
// Immutable: any thread. Keeps a reference to the tokenizer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/threads.h"
#include "text/lookup/name_finder.h"
#include "text/tokenizer.h"

namespace stemma {

class SpecialEncoder {
 public:
  // Throws invalid_argument for a name that is no special token of the tokenizer ("did you mean"),
  // unsupported for one with a flag (Tokenizer::flag_of_special()).
  SpecialEncoder(const Tokenizer& tokenizer, std::span<const std::string> allowed);

  // Appends the ids of `text`.
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const;
  // The same, but the text between the names is encoded on all workers (encode_batch.h).
  void encode(std::string_view text, Workers& workers, std::vector<std::int32_t>& ids) const;

  // The first match at or after `from`.
  using Found = lookup::NameFinder::Found;
  std::optional<Found> find(std::string_view text, std::size_t from = 0) const {
    return finder_.find(text, from);
  }

 private:
  template <class Encode>
  void encode_between(std::string_view text, std::vector<std::int32_t>& ids, Encode encode) const;

  const Tokenizer& tokenizer_;
  lookup::NameFinder finder_;
};

// The names of all special tokens, for callers that allow them all.
std::vector<std::string> special_names(const Tokenizer& tokenizer);
// What an option --allow-special names: these, or all special tokens for the one word "all".
std::vector<std::string> allowed_names(const Tokenizer& tokenizer,
                                       std::span<const std::string> names);

}  // namespace stemma

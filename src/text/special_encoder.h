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
// Matching is leftmost-longest: the first position at which an allowed name begins, and there the
// longest name. The text between matches is encoded by the tokenizer, each stretch by itself. The
// ids are those of tiktoken's encode(text, allowed_special=names, disallowed_special=()), unless
// one name is a prefix of another: then tiktoken's choice depends on the order of a hash map.
//
// Time is at most the size of the text times the length of the longest name; more names cost a
// binary search among the sorted names. Immutable: any thread. Keeps a reference to the tokenizer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/threads.h"
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
  struct Found {
    std::size_t begin = 0, end = 0;  // in the text
    std::int32_t id = 0;
  };
  std::optional<Found> find(std::string_view text, std::size_t from = 0) const;

 private:
  // The longest name that begins at `place`.
  std::optional<Found> name_at(std::string_view text, std::size_t place) const;
  template <class Encode>
  void encode_between(std::string_view text, std::vector<std::int32_t>& ids, Encode encode) const;

  const Tokenizer& tokenizer_;
  std::vector<std::pair<std::string, std::int32_t>> names_;  // sorted, for binary search
  std::array<bool, 256> begins_name_{};
};

// The names of all special tokens, for callers that allow them all.
std::vector<std::string> special_names(const Tokenizer& tokenizer);
// What an option --allow-special names: these, or all special tokens for the one word "all".
std::vector<std::string> allowed_names(const Tokenizer& tokenizer,
                                       std::span<const std::string> names);

}  // namespace stemma

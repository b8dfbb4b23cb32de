// Puts around texts what a model expects: the tokenizer's own special tokens ([CLS] A [SEP] B
// [SEP]), or the start, delimiter and extract tokens of GPT-1's input transformations (Radford et
// al. 2018, figure 1); and makes them fit the longest sequence.
//
//   const TextFramer framer(tokenizer, marks, 128);
//   const Framed text = framer.one(ids, cut);          // cut += tokens that were left out
//   const Framed pair = framer.two(first, second, cut);
//
// Immutable; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tasks/description.h"
#include "text/tokenizer.h"

namespace stemma::tasks {

class TextFramer {
 public:
  // `tokenizer` must outlive this. Throws invalid_argument where max_tokens leaves no room for a
  // token of each text.
  TextFramer(const Tokenizer& tokenizer, const std::optional<Marks>& marks,
             std::int64_t max_tokens);

  std::vector<std::int32_t> ids(std::string_view text) const;

  // The first tokens that fit. `cut` counts the others.
  Framed one(std::span<const std::int32_t> text, std::int64_t& cut) const;
  // Of a pair the longer text loses tokens at its end until both fit.
  Framed two(std::span<const std::int32_t> first, std::span<const std::int32_t> second,
             std::int64_t& cut) const;
  // All of a text in windows that overlap by half; one window where it fits.
  std::vector<Framed> windows(std::span<const std::int32_t> text) const;

  // Tokens of text that fit beside what stands around one text, or two.
  std::int64_t room() const { return max_tokens_ - around_one_; }
  std::int64_t room_of_pair() const { return max_tokens_ - around_two_; }
  // Where the first token of the first text stands in a framed sequence.
  std::int64_t begin() const { return begin_; }
  // Whether an id stands around texts and never in them.
  bool is_mark(std::int32_t id) const;

 private:
  Framed frame(std::span<const std::int32_t> text) const;
  Framed frame(std::span<const std::int32_t> first, std::span<const std::int32_t> second) const;

  const Tokenizer& tokenizer_;
  std::optional<Marks> marks_;
  std::int64_t max_tokens_, around_one_ = 0, around_two_ = 0, begin_ = 0;
  std::vector<std::int32_t> around_;
};

}  // namespace stemma::tasks

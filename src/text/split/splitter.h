// A splitter (pre-tokenizer) cuts text into the pieces within which byte-pair encoding merges: no
// token crosses the end of a piece.
//
//   std::array<std::size_t, 64> ends;
//   const std::size_t count = gpt2_splitter().split("Hello world", 0, ends);   // 2: 5, 11
//
// Each splitter does what one published regular expression does, as a hand-written scanner: it
// takes time linear in the text, whatever the text is. Pieces follow each other without gaps, so
// joined they are the text. A byte that is not part of valid UTF-8 is a piece of its own; to its
// neighbours it looks like a character that is neither letter, number nor white space.
//
// Splitters are immutable: any thread. No errors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stemma::split {

class Splitter {
 public:
  virtual ~Splitter() = default;

  // Writes where the next pieces of `text` from `begin` (the end of a piece, or 0) end, and returns
  // how many it wrote: ends.size(), or fewer when the last one is text.size().
  virtual std::size_t split(std::string_view text, std::size_t begin,
                            std::span<std::size_t> ends) const = 0;
  // How many of the last pieces of a text may turn out otherwise when the text goes on (it is
  // taken to end with a whole character).
  virtual std::size_t unstable_pieces() const = 0;
  // Where `text` may be cut so that both parts, split apart, give the pieces of the whole, whatever
  // follows it: a place near its end, or 0 where none is known. Time is linear in the text at
  // worst, and where people write it is the time for the last words.
  virtual std::size_t last_boundary(std::string_view text) const = 0;
  // The regular expression, as tokenizer.json writes it.
  virtual std::string_view pattern() const = 0;
};

// How runs of numbers are cut: as the published pattern has it, every number alone, or up to three
// at a time. (cl100k and o200k take three as published.)
enum class NumberCut : std::uint8_t { published, single, triple };

// GPT-2 (openai/gpt-2, src/encoder.py):
// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// Other cuts have \p{N} or \p{N}{1,3} for " ?\p{N}+".
const Splitter& gpt2_splitter();
const Splitter& gpt2_splitter(NumberCut cut);

// SmolLM's (llama.cpp calls it "smollm"; Hugging Face's sequence of Digits, each alone, and
// ByteLevel): every number, \p{N}, is cut out first and is a piece; what lies between numbers is
// split as GPT-2 does, as texts of their own. So "a  1" is "a", "  ", "1", where
// NumberCut::single makes "a", " ", " ", "1" of it. As one expression:
// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+
const Splitter& smollm_splitter();

// cl100k_base (GPT-3.5, GPT-4), as Hugging Face writes its pattern. tiktoken's own ends with
// \s++$|\s*[\r\n]|\s+(?!\S)|\s and keeps "\n  " at the end of a text in one piece; the ids are the
// same, since no token of cl100k_base ends with white space behind the end of a line.
const Splitter& cl100k_splitter();
const Splitter& cl100k_splitter(NumberCut cut);

// o200k_base (GPT-4o) and o200k_harmony (gpt-oss).
const Splitter& o200k_splitter();
const Splitter& o200k_splitter(NumberCut cut);

// Those that a tokenizer can be trained with, by name; the first is the usual one.
std::vector<std::string> splitter_names();
// Throws invalid_argument for another name.
const Splitter& splitter_named(std::string_view name, NumberCut cut);

// The splitter with this pattern, null where none has it.
const Splitter* splitter_of_pattern(std::string_view pattern);

}  // namespace stemma::split

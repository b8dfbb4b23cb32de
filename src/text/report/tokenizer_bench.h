// Measures how fast tokenizers open, encode and decode.
//
//   const std::vector<BenchText> texts = {{"book", book}};
//   for (const TokenizerRates& one : bench_tokenizers({"gpt2"}, texts, {}))
//     one.texts[0].encode.median;      // bytes a second
//
// The measurements run on the calling thread. Encoding and decoding are timed by the processor time
// of that thread, so that other programs on the machine do not count; opening, and encoding on
// several threads, are timed by the wall clock. Each run opens a new tokenizer, whose cache of
// words is empty. The runs of the tokenizers alternate. Before its first measured run each
// tokenizer encodes and decodes the text once. Throws what open_tokenizer() throws.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "base/threads.h"
#include "text/tokenizer.h"

namespace stemma::report {

struct BenchText {
  std::string name;
  std::string_view text;
};

struct Spread {
  double median = 0, min = 0, max = 0;
};
// Of at least one value; the median of an even number lies in the middle of the two.
Spread spread_of(std::vector<double> values);

struct TextRates {
  std::string text;  // its name
  std::uint64_t bytes = 0, tokens = 0;
  // Bytes of text a second. With workers, otherwise 0: `parallel` is one text on all of them,
  // `apart` what the machine gives at that moment, a text and a tokenizer for each of them.
  Spread encode, decode, parallel, apart;
};

struct TokenizerRates {
  std::string tokenizer;  // its name
  Spread load_seconds;
  std::vector<TextRates> texts;  // in the order given
};

struct TokenizerBenchOptions {
  int runs = 5;
  Workers* workers = nullptr;  // null: one thread only
  Interrupt interrupt{};
};

// Ends early, with what it has, when options.interrupt asks for it.
std::vector<TokenizerRates> bench_tokenizers(std::span<const std::string> tokenizers,
                                             std::span<const BenchText> texts,
                                             const TokenizerBenchOptions& options);

// Sentences of made-up English words, where no text is at hand. Real text has more rare words.
std::string synthetic_text(std::size_t bytes);

struct HostileText {
  std::string name, text;
};
// What slow encoders fail on: 10^7 times "a", 10^6 spaces, 10^6 emoji, 10^6 bytes of base64 and
// 10^6 random bytes; the same every time. `scale` divides the sizes.
std::vector<HostileText> hostile_texts(std::size_t scale = 1);

// Bytes a second that one thread copies in memory, from a buffer of 256 MiB; the best of five.
double copy_bytes_per_s();

}  // namespace stemma::report

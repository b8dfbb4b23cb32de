// Any bytes as text: the ids decode to it, none is a special token, and a stream of the tokens
// gives it too. GPT-2 merges by pairs, cl100k_base by tokens. The text is also repeated, to a run
// long enough to be searched (text/bpe/bpe_merger.h).
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/files/published.h"
#include "text/unicode/utf8_stream.h"

namespace {

void check(const stemma::bpe::BpeTokenizer& tokenizer, std::string_view text) {
  std::vector<std::int32_t> ids;
  tokenizer.encode(text, ids);
  if (tokenizer.decode(ids) != text) __builtin_trap();
  std::string streamed;
  stemma::unicode::Utf8Stream stream;
  for (const std::int32_t id : ids) {
    if (id == tokenizer.end_of_text()) __builtin_trap();
    streamed += stream.push(tokenizer.bytes_of(id));
  }
  if (streamed + stream.flush() != text) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto by_pairs = stemma::tokenizer_files::published_tokenizer("gpt2");
  static const auto by_tokens = stemma::tokenizer_files::published_tokenizer("cl100k_base");
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::string repeated;
  while (size > 0 && repeated.size() < 1500) repeated += text;
  for (const auto* tokenizer : {by_pairs.get(), by_tokens.get()}) {
    check(*tokenizer, text);
    check(*tokenizer, repeated);
  }
  return 0;
}

// The ways to encode a text agree for any bytes: a stream of chunks and blocks of any size, both
// sides of its last boundary, special tokens by name, and the places of the tokens. The first bytes
// of the input choose the sizes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/files/published.h"
#include "text/offsets.h"
#include "text/special_encoder.h"
#include "text/stream_encoder.h"
#include "text/token_count.h"

namespace {

using stemma::bpe::BpeTokenizer;
using Ids = std::vector<std::int32_t>;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

Ids encode(const BpeTokenizer& tokenizer, std::string_view text) {
  Ids ids;
  tokenizer.encode(text, ids);
  return ids;
}

Ids encode_in_chunks(const BpeTokenizer& tokenizer, std::string_view text, std::size_t chunk,
                     std::size_t block) {
  stemma::StreamEncoder stream(tokenizer, {.block_bytes = block});
  Ids ids;
  for (std::size_t begin = 0; begin < text.size(); begin += chunk)
    stream.push(text.substr(begin, chunk), ids);
  stream.finish(ids);
  return ids;
}

void check_boundary(const BpeTokenizer& tokenizer, std::string_view text, const Ids& whole) {
  // What follows the place that the beginning names may be anything.
  const std::size_t cut = tokenizer.last_boundary(text.substr(0, text.size() - text.size() / 4));
  Ids ids = encode(tokenizer, text.substr(0, cut));
  tokenizer.encode(text.substr(cut), ids);
  require(ids == whole);
}

void check_places(const BpeTokenizer& tokenizer, std::string_view text, const Ids& ids) {
  std::uint64_t place = 0;
  for (const stemma::ByteRange& range : stemma::byte_ranges(tokenizer, ids)) {
    require(range.begin == place && range.end > range.begin);
    place = range.end;
  }
  require(place == text.size());
  require(stemma::count_tokens(tokenizer, text) == ids.size());
}

void check(const BpeTokenizer& tokenizer, std::string_view text, std::size_t chunk,
           std::size_t block) {
  const Ids whole = encode(tokenizer, text);
  require(tokenizer.decode(whole) == text);
  require(encode_in_chunks(tokenizer, text, chunk, block) == whole);
  check_boundary(tokenizer, text, whole);
  check_places(tokenizer, text, whole);
  Ids special;
  stemma::SpecialEncoder(tokenizer, stemma::special_names(tokenizer)).encode(text, special);
  require(tokenizer.decode(special) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto gpt2 = stemma::tokenizer_files::published_tokenizer("gpt2");
  static const auto cl100k = stemma::tokenizer_files::published_tokenizer("cl100k_base");
  static const auto o200k = stemma::tokenizer_files::published_tokenizer("o200k_base");
  if (size < 2) return 0;
  const std::size_t chunk = 1 + data[0], block = 1 + data[1];
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  for (const auto* tokenizer : {gpt2.get(), cl100k.get(), o200k.get()})
    check(*tokenizer, text, chunk, block);
  return 0;
}

// Any bytes as merges.txt: an Error, or merges that make a tokenizer with the vocabulary that fits
// them, or are refused with it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "text/files/hugging_face.h"
#include "text/unicode/byte_alphabet.h"

namespace {

// The bytes and what each merge makes, with ids in order.
std::string fitting_vocab(const std::vector<std::pair<std::string, std::string>>& merges) {
  std::string text = "{";
  int id = 0;
  for (const std::uint8_t byte : stemma::unicode::byte_alphabet_order()) {
    const std::string token(1, static_cast<char>(byte));
    text += (id == 0 ? "" : ",") + stemma::Json(stemma::unicode::to_byte_alphabet(token)).dump() +
            ":" + std::to_string(id);
    ++id;
  }
  for (const auto& [left, right] : merges)
    text += "," + stemma::Json(stemma::unicode::to_byte_alphabet(left + right)).dump() + ":" +
            std::to_string(id++);
  return text + "}";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stemma;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const std::string vocab = fitting_vocab(tokenizer_files::parse_merges(text, "fuzz"));
    const auto tokenizer = tokenizer_files::parse_vocab_and_merges({vocab, text, {}}, "fuzz/");
    std::vector<std::int32_t> ids;
    tokenizer->encode(text, ids);
    if (tokenizer->decode(ids) != text) __builtin_trap();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt && error.code() != ErrorCode::unsupported)
      __builtin_trap();
  }
  return 0;
}

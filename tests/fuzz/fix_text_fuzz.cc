// Any bytes as text to clean: the result is UTF-8, and a line that stayed one line is clean.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "text/cleaning/fix_text.h"
#include "text/unicode/utf8.h"

namespace {

// Bytes; shorter texts do not meet the bound of text/cleaning/mojibake.h.
constexpr std::size_t kUnbounded = 400;

bool is_utf8(std::string_view text) {
  for (char32_t c = 0; !text.empty();) {
    const std::size_t length = stemma::unicode::decode_utf8(text, c);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (!is_utf8(stemma::cleaning::fix_text(text))) __builtin_trap();

  // With '<' entities stay, and U+0338 may join it: what is left may be cleaned further.
  const std::string line = text.substr(0, text.find_first_of("\n<"));
  if (line.size() > kUnbounded) return 0;
  const std::string fixed = stemma::cleaning::fix_text(line);
  if (fixed.find('\n') == fixed.npos && stemma::cleaning::fix_text(fixed) != fixed)
    __builtin_trap();
  return 0;
}

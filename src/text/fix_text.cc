#include "text/fix_text.h"

#include <algorithm>
#include <cstddef>

#include "text/code_points.h"
#include "text/fix_characters.h"

namespace stemma {
namespace {

constexpr std::size_t kSegmentCharacters = 1'000'000;

// The length in bytes of the segment at the start of `text`.
std::size_t segment_length(std::string_view text) {
  const std::size_t line = std::min(text.find('\n'), text.size() - 1) + 1;
  return line <= kSegmentCharacters ? line
                                    : bytes_of_characters(text.substr(0, line), kSegmentCharacters);
}

}  // namespace

std::string fix_text(std::string_view text) {
  std::string fixed;
  fixed.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = segment_length(text);
    std::u32string segment = to_code_points(text.substr(0, length));
    fix_characters(segment);
    append_utf8(segment, fixed);
    text.remove_prefix(length);
  }
  return fixed;
}

}  // namespace stemma

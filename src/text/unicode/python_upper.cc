#include "text/unicode/python_upper.h"

#include <algorithm>

#include "text/unicode/code_points.h"
#include "text/unicode/upper_case_table.h"
#include "text/unicode/utf8.h"

namespace stemma::unicode {
namespace {

using upper_case_table::UpperCase;

template <bool kTitle>
void append_mapped(std::string_view text, std::string& out) {
  const auto mappings = upper_case_table::mappings();
  for (std::size_t place = 0; place < text.size();) {
    char32_t c = 0;
    const std::size_t length = std::max<std::size_t>(decode_utf8(text.substr(place), c), 1);
    const auto found = std::ranges::lower_bound(mappings, c, {}, &UpperCase::from);
    if (found != mappings.end() && found->from == c) {
      const char32_t* mapped = kTitle ? found->title : found->upper;
      append_utf8({mapped, static_cast<std::size_t>(std::find(mapped, mapped + 3, U'\0') - mapped)},
                  out);
    } else {
      out += text.substr(place, length);
    }
    place += length;
  }
}

}  // namespace

void append_python_upper(std::string_view text, std::string& upper) {
  append_mapped<false>(text, upper);
}

void append_python_title(std::string_view text, std::string& title) {
  append_mapped<true>(text, title);
}

}  // namespace stemma::unicode

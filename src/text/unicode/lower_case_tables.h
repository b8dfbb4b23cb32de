// The tables behind python_text.h: lower case mappings and two properties of characters, sorted.
// The program tables/generate_lower_case.cc writes them from ICU when Stemma is built. Private to
// text/.
//
//   lower_case_tables::mappings()[0];             // {U'A', U'a'}
//
// Constant data: any thread.
#pragma once

#include <span>

namespace stemma::unicode::lower_case_tables {

struct LowerCase {
  char32_t from, to;
};
struct CharRange {
  char32_t first, last;
};

std::span<const LowerCase> mappings();        // the characters that one other is the lower case of
std::span<const CharRange> cased();           // property Cased
std::span<const CharRange> case_ignorable();  // property Case_Ignorable

}  // namespace stemma::unicode::lower_case_tables

// The table behind python_upper.h: upper and title case of the characters that have one, sorted.
// The program tables/generate_upper_case.cc writes it from ICU when Stemma is built. Private to
// text/.
//
//   upper_case_table::mappings()[0];              // {U'a', {U'A'}, {U'A'}}
//
// Constant data: any thread.
#pragma once

#include <span>

namespace stemma::unicode::upper_case_table {

struct UpperCase {
  char32_t from;
  char32_t upper[3], title[3];  // up to three characters, then 0
};

std::span<const UpperCase> mappings();

}  // namespace stemma::unicode::upper_case_table

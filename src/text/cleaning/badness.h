// Whether text looks as if it had been read in a wrong charset. Private to text/.
//
//   looks_wrong(U"schÃ¶n");    // true: Ã before a sign
//   looks_wrong(U"SÃO PAULO"); // false
//
// Linear time. Pure function: any thread, no errors.
// Source: the heuristic of ftfy 6.3.1 (badness.py), is_bad().
#pragma once

#include <string_view>

namespace stemma::cleaning {

bool looks_wrong(std::u32string_view text);

}  // namespace stemma::cleaning

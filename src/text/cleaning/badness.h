// Tells whether a text looks like mojibake, that is, as if it had been decoded with the wrong
// charset. Private to text/.
//
//   looks_wrong(U"schÃ¶n");    // true: "Ã" before a sign is what "ö" becomes
//   looks_wrong(U"SÃO PAULO"); // false: a word in capitals
//
// Every character has a category, and a set of rules lists sequences of categories that hardly
// occur in real text. Linear time. Pure function: any thread, no errors. Source: ftfy 6.3.1,
// badness.py, is_bad().
#pragma once

#include <string_view>

namespace stemma::cleaning {

bool looks_wrong(std::u32string_view text);

}  // namespace stemma::cleaning

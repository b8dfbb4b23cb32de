// Texts with the small changes that people make and that leave the meaning as it is: typing errors,
// other casing, other spacing. The figures of a model under them say how much it hangs on the exact
// letters.
//
//   const labelled::Row noisy = changed(row, SmallChange::typos, 0, 17);
//   noisy.text;  // "What is the cappital of France ?"
//
//   typos    in one word of six, of those with four or more ASCII letters: two inner neighbours
//            change places, a letter is doubled or missing, or it is a neighbour on a QWERTY
//            keyboard. A word's first letter stays.
//   casing   all of a row in lower case, in upper case, or with each word capitalised
//   spacing  at one place of eight: a blank between two words is lost or doubled, or one stands
//            before a punctuation mark that ends a word
//   all      one of the three, drawn for each row
//
// All texts of a row are changed: both of a pair, the context and every candidate of a choice.
// Labels and tags stay, and the words of a row (task tokens) keep their number and their letters'
// place: there no blank is lost, and none is put inside a word.
//
// What is drawn is a function of seed, index of the row, text and place in it (Philox), so figures
// repeat. Valid UTF-8 stays valid. Pure functions: any thread, no errors.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "data/labelled/rows.h"

namespace stemma::tasks {

enum class SmallChange : std::uint8_t { typos, casing, spacing, all };
// The kinds that `all` draws from.
inline constexpr std::array kSmallChanges = {SmallChange::typos, SmallChange::casing,
                                             SmallChange::spacing};
// "typos".
std::string_view to_string(SmallChange kind);

// Which kind `all` is for this row.
SmallChange drawn_change(std::uint64_t seed, std::uint64_t index);

// `index`: of the row in its data set. A choice's label must be a number (canonical_labels()): one
// that names a candidate by its text would name none any more.
labelled::Row changed(const labelled::Row& row, SmallChange kind, std::uint64_t seed,
                      std::uint64_t index);

}  // namespace stemma::tasks

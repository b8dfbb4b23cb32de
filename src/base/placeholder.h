// What people have in place of a file that they meant to fetch.
//
//   if (const std::string what = placeholder_of(begin); !what.empty()) fail(path + " is " + what);
#pragma once

#include <string>
#include <string_view>

namespace stemma {

// For the first bytes of a file: "a Git LFS pointer, not the file itself: run git lfs pull ...", "a
// web page ..."; an empty string for anything else.
std::string placeholder_of(std::string_view begin);

}  // namespace stemma

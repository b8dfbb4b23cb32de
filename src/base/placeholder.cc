#include "base/placeholder.h"

#include <algorithm>
#include <cctype>

namespace stemma {
namespace {

// Whether `text` begins with `word`, in capital or small letters, after white space.
bool begins_with(std::string_view text, std::string_view word) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  return text.size() >= word.size() &&
         std::equal(word.begin(), word.end(), text.begin(), [](char want, char have) {
           return want == std::tolower(static_cast<unsigned char>(have));
         });
}

}  // namespace

std::string placeholder_of(std::string_view begin) {
  if (begin.starts_with("version https://git-lfs.github.com/spec/"))
    return "a Git LFS pointer, not the file itself: run git lfs pull in its folder, or fetch the "
           "file again";
  if (begins_with(begin, "<!doctype html") || begins_with(begin, "<html"))
    return "a web page, not the file itself (often an error or a login page): fetch it again";
  return {};
}

}  // namespace stemma

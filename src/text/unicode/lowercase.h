// Puts text in lower case as the normalizer "Lowercase" of Hugging Face `tokenizers` does.
//
//   lowercase("ÉTÉ İ");   // "été i̇"
//
// Every character is mapped by itself, whatever stands around it: a final Σ becomes σ, and İ is the
// only character that becomes two. The version of Unicode is that of unicode.h. Bytes that are not
// part of valid UTF-8 stay as they are. Any thread, no errors.
#pragma once

#include <string>
#include <string_view>

namespace stemma::unicode {

std::string lowercase(std::string_view text);

}  // namespace stemma::unicode

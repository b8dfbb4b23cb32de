// Text in lower case, as the normalizer "Lowercase" of Hugging Face `tokenizers` makes it: every
// character by itself, whatever stands around it (a final Σ becomes σ), İ the only one that becomes
// two. Unicode as in unicode.h.
//
//   lowercase("ÉTÉ İ");   // "été i̇"
//
// Bytes that are no part of valid UTF-8 stay as they are. Any thread, no errors.
#pragma once

#include <string>
#include <string_view>

namespace stemma::unicode {

std::string lowercase(std::string_view text);

}  // namespace stemma::unicode

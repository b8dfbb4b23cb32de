// Cleaning of text as GPT-1's tokenizer wants it: what Python's ftfy 6.3.1 does in fix_text() with
// its default configuration.
//
//   fix_text("schÃ¶n");                            // "schön": UTF-8 that was read as Latin-1
//   fix_text("it&#x2019;s ﬂubberiﬁc\r\n");          // "it's flubberific\n"
//
// A segment (a line with its end, at most 1,000,000 characters) is cleaned alone and again until it
// stays as it is: HTML entities (until the first segment with a '<'), mojibake, C1 controls, Latin
// ligatures, full and half width, curly quotes, line ends, terminal escapes, control characters,
// NFC. Bytes that are not UTF-8 become U+FFFD as Python's errors="replace" has it, one for each
// maximal part; so surrogates, which ftfy repairs too, cannot come in. The result is valid UTF-8.
//
// Where it is not ftfy: properties of characters are of ICU's Unicode version, not of Python's; and
// a segment whose repairs uncover one another stops at a bound that keeps the time linear
// (fix_text.cc), where ftfy takes quadratic time. No repair at that bound is known in real text.
//
// Pure function: any thread. Throws std::bad_alloc only.
// Source: https://github.com/rspeer/python-ftfy, version 6.3.1 (rules, their order, its tables).
#pragma once

#include <string>
#include <string_view>

namespace stemma::cleaning {

std::string fix_text(std::string_view text);

}  // namespace stemma::cleaning

// Cleans text as GPT-1's tokenizer wants it: what Python's ftfy 6.3.1 does in fix_text() with its
// default configuration.
//
//   fix_text("schÃ¶n");                            // "schön": UTF-8 that was decoded as Latin-1
//   fix_text("it&#x2019;s ﬂubberiﬁc\r\n");          // "it's flubberific\n"
//
// Text is cleaned in segments: lines with their ends, of at most 1,000,000 characters. A segment
// goes through these steps again and again until nothing changes: HTML entities (until the first
// segment with a '<'), mojibake, C1 controls, Latin ligatures, full and half width forms, curly
// quotes, line ends, terminal escapes, control characters, NFC. Bytes that are not UTF-8 become
// U+FFFD as Python's errors="replace" does it, one for each maximal part; so surrogates, which ftfy
// repairs too, cannot come in. The result is valid UTF-8.
//
// Two things differ from ftfy. Properties of characters are of ICU's version of Unicode, not of
// Python's. And a segment whose repairs uncover one another stops at a bound that keeps the time
// linear (mojibake.h), where ftfy takes quadratic time; no real text is known that reaches the
// bound.
//
// Pure function: any thread. Throws std::bad_alloc only. Source:
// https://github.com/rspeer/python-ftfy, version 6.3.1 (rules, their order, its tables).
#pragma once

#include <string>
#include <string_view>

namespace stemma::cleaning {

std::string fix_text(std::string_view text);

}  // namespace stemma::cleaning

// Decodes HTML entities in a text. Private to text/.
//
//   std::u32string line = U"P&eacute;rez &AMP; &#x2014; this&not that";
//   unescape_html(line);                       // U"Pérez & — this&not that"
//
// Linear time. Pure function: any thread, no errors. Source: the named references of HTML5, its
// rules for numeric references, and the names in capitals that ftfy 6.3.1 accepts too.
#pragma once

#include <string>

namespace stemma::cleaning {

// Entities with a semicolon only, each once: "&amp;lt;" becomes "&lt;".
void unescape_html(std::u32string& text);

}  // namespace stemma::cleaning

// Texts of unknown origin, made fit to be shown: the one place that knows what is dangerous in
// HTML, Markdown and a terminal.
//
//   html(label);            // <b>&  ->  &lt;b&gt;&amp;
//   markdown(cut(text, 500));
//
// All take bytes as they come: what is not UTF-8 becomes U+FFFD.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace stemma::tasks::show {

// Valid UTF-8 in which control characters, line ends and marks of writing direction are written by
// number: "\n", "\u{202e}". `most` characters at the most, then "… (+812 bytes)".
std::string cut(std::string_view text, std::size_t most);

// The same for a name in a table or a picture: the middle of a longer one is left out, since names
// of one kind often differ at their end. "card_payment…arge_back"
std::string shorten(std::string_view name, std::size_t most);

// Of what cut() or shorten() made.
std::string html(std::string_view text);
std::string markdown(std::string_view text);

// Columns that a terminal takes for it: wide characters two, combining ones none.
std::size_t columns(std::string_view text);
// Blanks before or after, up to a number of columns.
std::string right(std::string_view text, std::size_t width);
std::string left(std::string_view text, std::size_t width);

// "0.8412"; "–" for NaN. Digits after the point.
std::string number(double value, int digits = 4);

}  // namespace stemma::tasks::show

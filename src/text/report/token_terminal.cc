#include "text/report/token_terminal.h"

#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include "text/report/visible_text.h"

namespace stemma::report {
namespace {

// Of the 6 x 6 x 6 cube: light, readable under black in dark and light terminals, and neighbours
// differ in hue.
constexpr int kTerminalBackgrounds[] = {153, 223, 151, 217, 189, 230};
constexpr int kTerminalText = 16, kTerminalSign = 243;
// A token of a hostile vocabulary may be megabytes long.
constexpr std::size_t kShownTokenBytes = 400;

std::string on_background(int background, int foreground, std::string_view text) {
  return fmt::format("\x1b[48;5;{}m\x1b[38;5;{}m{}\x1b[0m", background, foreground, text);
}

}  // namespace

std::string tokens_for_terminal(const Tokenizer& tokenizer, std::span<const std::int32_t> ids,
                                const TerminalStyle& style) {
  std::string out;
  bool at_line_start = true;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const int background = kTerminalBackgrounds[i % std::size(kTerminalBackgrounds)];
    if (!style.colour && !at_line_start) out += "│";
    bool ends_line = false;
    for (const VisiblePart& part : visible_parts(tokenizer.bytes_of(ids[i]), kShownTokenBytes)) {
      // A background that is still on at a line end would fill the line.
      if (ends_line) out += '\n';
      out += style.colour
                 ? on_background(background, part.stands_for ? kTerminalSign : kTerminalText,
                                 part.text)
                 : part.text;
      ends_line = part.ends_line;
    }
    if (style.ids) {
      const std::string id = fmt::format("({})", ids[i]);
      out += style.colour ? on_background(background, kTerminalSign, id) : id;
    }
    if (ends_line) out += '\n';
    at_line_start = ends_line;
  }
  if (!at_line_start) out += '\n';
  return out;
}

}  // namespace stemma::report

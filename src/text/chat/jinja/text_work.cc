#include "text/chat/jinja/text_work.h"

#include <algorithm>
#include <array>

namespace stemma::chat::jinja {
namespace {

// The size of the end of a line at a place, 0 where there is none.
std::size_t line_end_at(std::string_view bytes, std::size_t at) {
  static constexpr std::array<std::string_view, 10> kEnds = {
      "\r\n", "\n", "\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\u0085", "\u2028"};
  for (const std::string_view end : kEnds)
    if (bytes.substr(at).starts_with(end)) return end.size();
  return bytes.substr(at).starts_with("\u2029") ? 3 : 0;
}

}  // namespace

MarkedText replaced(Machine& machine, const MarkedText& text, std::string_view what,
                    const MarkedText& with, std::int64_t most) {
  machine.budget.search(text.size(), what.size());
  MarkedText out;
  std::size_t done = 0;
  const std::string_view bytes = text.bytes();
  const auto put = [&](std::size_t at) {
    out.append(text, done, at);
    machine.budget.make_text(out.size() + with.size(), with.size() + 1);
    out.append(with);
    done = at;
  };
  if (what.empty()) {  // before each character and at the end
    for (std::size_t at = 0; most != 0; --most) {
      put(at);
      if (at == bytes.size()) break;
      at += character_bytes(bytes.substr(at));
    }
  } else {
    for (std::size_t at = bytes.find(what); at != bytes.npos && most != 0; --most) {
      put(at);
      done = at + what.size();
      at = bytes.find(what, done);
    }
  }
  out.append(text, done, text.size());
  return out;
}

MarkedText joined(Machine& machine, std::span<const MarkedText> parts,
                  const MarkedText& separator) {
  MarkedText out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t more = parts[i].size() + (i > 0 ? separator.size() : 0);
    machine.budget.make_text(out.size() + more, more);
    if (i > 0) out.append(separator);
    out.append(parts[i]);
  }
  return out;
}

std::vector<Stretch> lines_of(std::string_view bytes) {
  std::vector<Stretch> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t size = line_end_at(bytes, at);
    if (size > 0) {
      lines.push_back({begin, at});
      begin = at + size;
    }
    at += std::max<std::size_t>(size, 1);
  }
  if (begin < bytes.size()) lines.push_back({begin, bytes.size()});
  return lines;
}

}  // namespace stemma::chat::jinja

#include "text/gpt1/gpt1_text.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "text/unicode/python_text.h"

namespace stemma::gpt1 {
namespace {

constexpr bool stands_apart(char c) {
  return std::string_view("-~!\";?+,)(\\/*[]}{|_").find(c) != std::string_view::npos;
}

// The text that stands for the one at the start of `text`, and how long that is; 0: itself.
struct Replacement {
  std::string_view text;
  std::size_t length = 0;
};

Replacement replacement_at(std::string_view text) {
  constexpr std::string_view kDashes[] = {"—", "–", "―"};
  for (const std::string_view dash : kDashes)
    if (text.starts_with(dash)) return {"-", dash.size()};
  if (text.starts_with("…")) return {"...", std::string_view("…").size()};
  if (text.starts_with("´")) return {"'", std::string_view("´").size()};
  return {};
}

// Collects the text with its white space put right.
class Gpt1Text {
 public:
  explicit Gpt1Text(std::size_t size) { text_.reserve(size + size / 8); }

  void add_space() { pending_ = std::max(pending_, Pending::space); }
  void add_line() { pending_ = Pending::line; }
  void add(std::string_view bytes) {
    flush();
    text_ += bytes;
    last_apart_ = 0;
  }
  // A sign with spaces around its run.
  void add_apart(char sign) {
    if (sign != last_apart_ || pending_ != Pending::run) {
      add_space();
      flush();
    }
    text_ += sign;
    last_apart_ = sign;
    pending_ = Pending::run;
  }
  std::string take() { return std::move(text_); }

 private:
  // run: a space, unless the same sign follows at once.
  enum class Pending : unsigned char { none, run, space, line };

  void flush() {
    if (!text_.empty() && pending_ != Pending::none)
      text_ += pending_ == Pending::line ? " \n " : " ";
    pending_ = Pending::none;
  }

  std::string text_;
  Pending pending_ = Pending::none;
  char last_apart_ = 0;
};

// The length of the run of bytes at the start of `text` that mean nothing to standardise_gpt1().
std::size_t plain_length(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size()) {
    const char next = text[length];
    if (static_cast<unsigned char>(next) >= 0x80 || next <= ' ' || stands_apart(next)) break;
    ++length;
  }
  return length;
}

}  // namespace

std::string standardise_gpt1(std::string_view text) {
  Gpt1Text result(text.size());
  for (std::size_t place = 0; place < text.size();) {
    if (const std::size_t plain = plain_length(text.substr(place)); plain > 0) {
      result.add(text.substr(place, plain));
      place += plain;
    } else if (const std::size_t space = unicode::python_space_at(text, place); space > 0) {
      text[place] == '\n' ? result.add_line() : result.add_space();
      place += space;
    } else if (stands_apart(text[place])) {
      result.add_apart(text[place++]);
    } else if (const Replacement other = replacement_at(text.substr(place)); other.length > 0) {
      other.text == "-" ? result.add_apart('-') : result.add(other.text);
      place += other.length;
    } else {
      result.add(text.substr(place++, 1));
    }
  }
  return result.take();
}

}  // namespace stemma::gpt1

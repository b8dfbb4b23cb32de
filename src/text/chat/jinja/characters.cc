#include "text/chat/jinja/characters.h"

#include <algorithm>

#include "text/chat/jinja/value.h"
#include "text/unicode/python_text.h"
#include "text/unicode/python_upper.h"
#include "text/unicode/utf8.h"

namespace stemma::chat::jinja {
namespace {

bool is_one_of(std::string_view character, std::string_view set) {
  for (std::size_t at = 0; at < set.size();) {
    const std::size_t size = character_bytes(set.substr(at));
    if (set.substr(at, size) == character) return true;
    at += size;
  }
  return false;
}

// The beginning of the character that ends at `end`.
std::size_t start_before(std::string_view bytes, std::size_t end) {
  for (std::size_t size = 4; size > 1; --size)
    if (end >= size && character_bytes(bytes.substr(end - size, size)) == size) return end - size;
  return end - 1;
}

template <class Drop>
Stretch without(std::string_view bytes, bool left, bool right, Drop drop) {
  Stretch kept{0, bytes.size()};
  while (left && kept.begin < kept.end) {
    const std::size_t size = character_bytes(bytes.substr(kept.begin));
    if (!drop(bytes.substr(kept.begin, size))) break;
    kept.begin += size;
  }
  while (right && kept.end > kept.begin) {
    const std::size_t start = start_before(bytes, kept.end);
    if (!drop(bytes.substr(start, kept.end - start))) break;
    kept.end = start;
  }
  return kept;
}

bool has_case(std::string_view character) {
  std::string upper, lower;
  unicode::append_python_upper(character, upper);
  unicode::append_python_lower_each(character, lower);
  return upper != character || lower != character;
}

// The case of each character: change(character, out).
template <class Change>
MarkedText each_character(const MarkedText& text, Change change) {
  return text.changed([&](std::string_view run, std::string& out) {
    for (std::size_t at = 0; at < run.size();) {
      const std::size_t size = character_bytes(run.substr(at));
      change(run.substr(at, size), out);
      at += size;
    }
  });
}

}  // namespace

std::size_t character_bytes(std::string_view bytes) {
  char32_t c = 0;
  return std::max<std::size_t>(unicode::decode_utf8(bytes, c), 1);
}

std::size_t count_characters(std::string_view bytes) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < bytes.size(); at += character_bytes(bytes.substr(at))) ++count;
  return count;
}

std::vector<std::size_t> character_starts(std::string_view bytes) {
  std::vector<std::size_t> starts;
  starts.reserve(bytes.size() + 1);
  for (std::size_t at = 0; at < bytes.size(); at += character_bytes(bytes.substr(at)))
    starts.push_back(at);
  starts.push_back(bytes.size());
  return starts;
}

std::vector<Value> characters_of(const MarkedText& text) {
  std::vector<Value> characters;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = character_bytes(std::string_view(text.bytes()).substr(at));
    characters.emplace_back(text.part(at, at + size));
    at += size;
  }
  return characters;
}

bool is_space(std::string_view character) { return unicode::python_space_at(character, 0) > 0; }

Stretch without_spaces(std::string_view bytes, bool left, bool right) {
  return without(bytes, left, right, is_space);
}

Stretch without_characters(std::string_view bytes, std::string_view set, bool left, bool right) {
  return without(bytes, left, right,
                 [&](std::string_view character) { return is_one_of(character, set); });
}

MarkedText upper(const MarkedText& text) { return text.changed(unicode::append_python_upper); }

MarkedText lower(const MarkedText& text) { return text.changed(unicode::append_python_lower); }

MarkedText capitalize(const MarkedText& text) {
  if (text.empty()) return {};
  const std::size_t first = character_bytes(text.bytes());
  MarkedText result = text.part(0, first).changed(unicode::append_python_title);
  result.append(lower(text.part(first, text.size())));
  return result;
}

MarkedText title(const MarkedText& text) {
  bool inside = false;
  return each_character(text, [&](std::string_view character, std::string& out) {
    if (inside)
      unicode::append_python_lower_each(character, out);
    else
      unicode::append_python_title(character, out);
    inside = has_case(character);
  });
}

MarkedText title_words(const MarkedText& text) {
  bool inside = false;
  return each_character(text, [&](std::string_view character, std::string& out) {
    if (inside)
      unicode::append_python_lower_each(character, out);
    else
      unicode::append_python_upper(character, out);
    inside = !is_space(character) && std::string_view("-({[<").find(character) == std::string::npos;
  });
}

MarkedText escaped(const MarkedText& text) {
  return text.changed([](std::string_view run, std::string& out) {
    for (const char c : run) {
      if (c == '&')
        out += "&amp;";
      else if (c == '<')
        out += "&lt;";
      else if (c == '>')
        out += "&gt;";
      else if (c == '\'')
        out += "&#39;";
      else if (c == '"')
        out += "&#34;";
      else
        out += c;
    }
  });
}

}  // namespace stemma::chat::jinja

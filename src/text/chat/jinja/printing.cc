#include "text/chat/jinja/printing.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "text/chat/jinja/characters.h"
#include "text/unicode/python_text.h"
#include "text/unicode/unicode.h"
#include "text/unicode/utf8.h"

namespace stemma::chat::jinja {
namespace {

// Python's str.isprintable(), but for characters without a meaning yet.
bool is_printable(char32_t c) {
  if (c < 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0xAD || c == 0xFEFF) return false;
  if (c >= 0x200B && c <= 0x200F) return false;  // zero width, direction
  if (c >= 0x2028 && c <= 0x202E) return false;  // lines, direction
  if (c >= 0x2060 && c <= 0x206F) return false;  // joiners
  if (c >= 0xE000 && c <= 0xF8FF) return false;  // private use
  if (c >= 0xFFF9 && c <= 0xFFFB) return false;  // annotations
  if (c >= 0xE0000) return false;                // tags, private use
  return c == ' ' || unicode::char_class(c) != unicode::CharClass::space;
}

void append_escaped(std::string_view character, char quote, std::string& out) {
  char32_t c = 0;
  const bool valid = unicode::decode_utf8(character, c) > 0;
  if (character.size() == 1 && (character[0] == quote || character[0] == '\\'))
    out += fmt::format("\\{}", character);
  else if (c == '\n')
    out += "\\n";
  else if (c == '\r')
    out += "\\r";
  else if (c == '\t')
    out += "\\t";
  else if (!valid || is_printable(c))
    out += character;
  else
    out += c < 0x100     ? fmt::format("\\x{:02x}", static_cast<std::uint32_t>(c))
           : c < 0x10000 ? fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c))
                         : fmt::format("\\U{:08x}", static_cast<std::uint32_t>(c));
}

template <class Escape>
MarkedText quoted(const MarkedText& text, char quote, Escape escape) {
  MarkedText out(std::string_view(&quote, 1), Origin::data);
  out.append(text.changed([&](std::string_view run, std::string& to) {
    for (std::size_t at = 0; at < run.size();) {
      const std::size_t size = character_bytes(run.substr(at));
      escape(run.substr(at, size), to);
      at += size;
    }
  }));
  out.append(std::string_view(&quote, 1), Origin::data);
  return out;
}

MarkedText quoted_as_python(const MarkedText& text) {
  const bool single = text.bytes().find('\'') != std::string::npos;
  const bool both = single && text.bytes().find('"') != std::string::npos;
  const char quote = single && !both ? '"' : '\'';
  return quoted(text, quote, [quote](std::string_view character, std::string& out) {
    append_escaped(character, quote, out);
  });
}

void append_json_escaped(std::string_view character, bool ascii, std::string& out) {
  constexpr std::string_view kNamed = "\"\\\n\r\t\f\b", kNames = "\"\\nrtfb";
  char32_t c = 0;
  const bool valid = unicode::decode_utf8(character, c) > 0;
  if (const std::size_t name = kNamed.find(character[0]); name != kNamed.npos) {
    out += '\\';
    out += kNames[name];
  } else if (!valid || (c >= 0x20 && (!ascii || c < 0x7F))) {
    out += character;
  } else if (c < 0x10000) {
    out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c));
  } else {
    out += fmt::format("\\u{:04x}\\u{:04x}",
                       0xD800 + ((static_cast<std::uint32_t>(c) - 0x10000) >> 10),
                       0xDC00 + (c & 0x3FF));
  }
}

// Numbers, bools and none; nothing for others.
std::optional<std::string> plain_text(const Value& value, bool json) {
  if (value.is_none()) return json ? "null" : "None";
  if (const auto* flag = value.as<bool>())
    return json ? (*flag ? "true" : "false") : (*flag ? "True" : "False");
  if (const auto* integer = value.as<std::int64_t>()) return fmt::format("{}", *integer);
  const auto* real = value.as<double>();
  if (!real) return std::nullopt;
  if (json && std::isnan(*real)) return "NaN";
  if (json && std::isinf(*real)) return *real > 0 ? "Infinity" : "-Infinity";
  return float_text(*real);
}

// What both ways to write share.
class Writer {
 public:
  explicit Writer(Budget& budget) : budget_(budget) {}
  MarkedText take() { return std::move(out_); }

 protected:
  void put(std::string_view text, Origin origin = Origin::data) {
    budget_.make_text(out_.size() + text.size(), text.size());
    out_.append(text, origin);
  }
  void put(const MarkedText& text) {
    budget_.make_text(out_.size() + text.size(), text.size());
    out_.append(text);
  }

  Budget& budget_;

 private:
  MarkedText out_;
};

class PythonWriter : public Writer {
 public:
  using Writer::Writer;

  void write(const Value& value) {
    budget_.step();
    if (const MarkedText* text = value.text()) {
      if (value.marked()->markup) put("Markup(");
      put(quoted_as_python(*text));
      if (value.marked()->markup) put(")");
    } else if (const auto plain = plain_text(value, false)) {
      put(*plain, value.origin);
    } else if (const Sequence* sequence = value.sequence()) {
      write_sequence(*sequence);
    } else if (const Mapping* mapping = value.mapping()) {
      write_mapping(*mapping);
    } else if (value.is_undefined()) {
      put("Undefined");
    } else {
      budget_.fail(fmt::format("a {} cannot be printed", type_name(value)));
    }
  }

 private:
  void write_items(const std::vector<Value>& items) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) put(", ");
      write(items[i]);
    }
  }
  void write_sequence(const Sequence& sequence) {
    using Kind = Sequence::Kind;
    const std::vector<Value>& items = sequence.items;
    switch (sequence.kind) {
      case Kind::tuple:
        put("(");
        write_items(items);
        return put(items.size() == 1 ? ",)" : ")");
      case Kind::list:
        put("[");
        write_items(items);
        return put("]");
      case Kind::range:
      case Kind::iterator:
        budget_.fail(
            "a range or the result of map, select or reject cannot be printed: add '| list'");
      default:
        put(sequence.kind == Kind::keys     ? "dict_keys(["
            : sequence.kind == Kind::values ? "dict_values(["
                                            : "dict_items([");
        write_items(items);
        return put("])");
    }
  }
  void write_mapping(const Mapping& mapping) {
    put("{");
    bool first = true;
    for (const auto& [key, value] : mapping.entries()) {
      if (!first) put(", ");
      first = false;
      write(key);
      put(": ");
      write(value);
    }
    put("}");
  }
};

class JsonWriter : public Writer {
 public:
  JsonWriter(Budget& budget, const JsonStyle& style) : Writer(budget), style_(style) {}

  void write(const Value& value, int level = 0) {
    budget_.step();
    const Sequence* sequence = value.sequence();
    const bool is_list = sequence && sequence->kind <= Sequence::Kind::tuple;
    if (const MarkedText* text = value.text()) {
      put(quoted_text(*text));
    } else if (const auto plain = plain_text(value, true)) {
      put(*plain, value.origin);
    } else if (is_list) {
      write_all(sequence->items, '[', level, [&](const Value& item) { write(item, level + 1); });
    } else if (const Mapping* mapping = value.mapping()) {
      write_all(entries_of(*mapping), '{', level, [&](const Mapping::Entry* entry) {
        write_key(entry->first);
        put(style_.behind_key);
        write(entry->second, level + 1);
      });
    } else {
      budget_.fail(fmt::format("{} is no JSON{}", type_name(value),
                               sequence ? ": add '| list' before '| tojson'" : ""));
    }
  }

 private:
  MarkedText quoted_text(const MarkedText& text) const {
    return quoted(text, '"', [&](std::string_view character, std::string& out) {
      append_json_escaped(character, style_.ascii, out);
    });
  }
  void write_key(const Value& key) {
    if (const MarkedText* text = key.text()) return put(quoted_text(*text));
    const auto plain = plain_text(key, true);
    if (!plain) budget_.fail(fmt::format("a {} cannot be a key in JSON", type_name(key)));
    put(fmt::format("\"{}\"", *plain));
  }
  std::vector<const Mapping::Entry*> entries_of(const Mapping& mapping) const {
    std::vector<const Mapping::Entry*> entries;
    for (const Mapping::Entry& entry : mapping.entries()) entries.push_back(&entry);
    if (style_.sort_keys)
      std::ranges::stable_sort(entries, [](const auto* a, const auto* b) {
        return order(a->first, b->first).value_or(0) < 0;
      });
    return entries;
  }
  void write_line(int level) {
    if (!style_.indent) return;
    put("\n");
    for (int i = 0; i < level; ++i) put(*style_.indent);
  }
  template <class Items, class Write>
  void write_all(const Items& items, char open, int level, Write write_item) {
    put(std::string_view(&open, 1));
    bool first = true;
    for (const auto& item : items) {
      if (!first) put(style_.between_items);
      first = false;
      write_line(level + 1);
      write_item(item);
    }
    if (!items.empty()) write_line(level);
    put(open == '[' ? "]" : "}");
  }

  const JsonStyle& style_;
};

}  // namespace

std::string float_text(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_not_of("-0123456789") == text.npos) text += ".0";
  return text;
}

MarkedText printed(Budget& budget, const Value& value) {
  if (value.is_undefined()) return {};
  if (const MarkedText* text = value.text()) return *text;
  return represented(budget, value);
}

MarkedText represented(Budget& budget, const Value& value) {
  PythonWriter writer(budget);
  writer.write(value);
  return writer.take();
}

MarkedText as_json(Budget& budget, const Value& value, const JsonStyle& style) {
  JsonWriter writer(budget, style);
  writer.write(value);
  return writer.take();
}

}  // namespace stemma::chat::jinja

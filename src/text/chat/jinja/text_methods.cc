// Methods of strings, of functions.h.
#include <algorithm>

#include <fmt/format.h>

#include "text/chat/jinja/characters.h"
#include "text/chat/jinja/functions.h"
#include "text/chat/jinja/parameters.h"
#include "text/chat/jinja/text_work.h"

namespace stemma::chat::jinja {
namespace {

// The parts of a text between `separator`, or between stretches of white space where that is empty.
// most < 0: all of them.
class Splitter {
 public:
  Splitter(const MarkedText& text, std::string_view separator, std::int64_t most)
      : bytes_(text.bytes()), separator_(separator), most_(most) {}

  std::vector<Stretch> from_left() {
    std::size_t at = 0;
    while (most_ != 0) {
      if (separator_.empty()) at = skip_spaces(at);
      const std::size_t end = separator_.empty() ? word_end(at) : bytes_.find(separator_, at);
      if (end >= bytes_.size() && (separator_.empty() || end == bytes_.npos)) break;
      parts_.push_back({at, end});
      at = end + separator_.size();
      --most_;
    }
    if (separator_.empty()) at = skip_spaces(at);
    if (!separator_.empty() || at < bytes_.size()) parts_.push_back({at, bytes_.size()});
    return std::move(parts_);
  }

  std::vector<Stretch> from_right() {
    std::size_t end = bytes_.size();
    while (most_ != 0) {
      if (separator_.empty()) end = without_spaces(bytes_.substr(0, end), false, true).end;
      const std::size_t begin = begin_before(end);
      if (begin == bytes_.npos || (separator_.empty() && begin == 0)) break;
      parts_.push_back({begin, end});
      end = begin - separator_.size();
      --most_;
    }
    if (separator_.empty()) end = without_spaces(bytes_.substr(0, end), false, true).end;
    if (!separator_.empty() || end > 0) parts_.push_back({0, end});
    std::ranges::reverse(parts_);
    return std::move(parts_);
  }

 private:
  std::size_t skip_spaces(std::size_t at) const {
    return at + without_spaces(bytes_.substr(at), true, false).begin;
  }
  std::size_t word_end(std::size_t at) const {
    while (at < bytes_.size() && !is_space(bytes_.substr(at)))
      at += character_bytes(bytes_.substr(at));
    return at;
  }
  // Where the part that ends at `end` begins; npos: at the beginning of the text.
  std::size_t begin_before(std::size_t end) const {
    if (!separator_.empty()) {
      if (end < separator_.size()) return bytes_.npos;
      const std::size_t found = bytes_.rfind(separator_, end - separator_.size());
      return found == bytes_.npos ? found : found + separator_.size();
    }
    std::size_t begin = end;
    while (begin > 0 && without_spaces(bytes_.substr(0, begin), false, true).end == begin) --begin;
    return begin;
  }

  std::string_view bytes_, separator_;
  std::int64_t most_;
  std::vector<Stretch> parts_;
};

// One method at work on one string.
class TextMethod {
 public:
  TextMethod(Machine& machine, const Function& method, const Arguments& arguments)
      : machine_(machine),
        name_(method.name),
        self_(*method.self->text()),
        markup_(method.self->marked()->markup),
        arguments_(arguments) {}

  Value run() {
    machine_.budget.make_text(self_.size());
    if (name_ == "split" || name_ == "rsplit") return split();
    if (name_ == "splitlines") return splitlines();
    if (name_ == "strip" || name_ == "lstrip" || name_ == "rstrip") return strip();
    if (name_ == "startswith" || name_ == "endswith") return begins_or_ends();
    if (name_ == "removeprefix" || name_ == "removesuffix") return remove();
    if (name_ == "replace") return replace();
    if (name_ == "join") return join();
    if (name_ == "format") return format();
    if (name_ == "find" || name_ == "rfind" || name_ == "count" || name_ == "index") return find();
    return without_arguments();
  }

 private:
  Value made(MarkedText text) const { return machine_.make_text(std::move(text), markup_); }
  Value list_of(const std::vector<Stretch>& parts) const {
    std::vector<Value> items;
    for (const Stretch& part : parts)
      items.push_back(Value(self_.part(part.begin, part.end), markup_));
    return machine_.make_list(std::move(items));
  }

  Value split() const {
    const Parameters p(machine_, name_, arguments_, {"sep", "maxsplit"});
    const std::string separator = p.find_some(0) ? p.needed_text(0).bytes() : "";
    if (p.find_some(0) && separator.empty()) machine_.fail("split() needs a separator");
    machine_.budget.search(self_.size(), separator.size());
    Splitter splitter(self_, separator, p.integer(1, -1));
    return list_of(name_ == "split" ? splitter.from_left() : splitter.from_right());
  }

  Value splitlines() const {
    const Parameters p(machine_, name_, arguments_, {"keepends"});
    std::vector<Stretch> lines = lines_of(self_.bytes());
    if (p.flag(0, false))
      for (std::size_t i = 0; i < lines.size(); ++i)
        lines[i].end = i + 1 < lines.size() ? lines[i + 1].begin : self_.size();
    return list_of(lines);
  }

  Value strip() const {
    const Parameters p(machine_, name_, arguments_, {"chars"});
    const bool left = name_ != "rstrip", right = name_ != "lstrip";
    Stretch kept = without_spaces(self_.bytes(), left, right);
    if (p.find_some(0)) {
      const std::string& set = p.needed_text(0).bytes();
      machine_.budget.search(self_.size(), set.size() * 64);
      kept = without_characters(self_.bytes(), set, left, right);
    }
    return made(self_.part(kept.begin, kept.end));
  }

  Value begins_or_ends() const {
    const Parameters p(machine_, name_, arguments_, {"prefix"});
    const auto fits = [&](const Value& one) {
      if (!one.is_text()) machine_.fail(fmt::format("{}() needs a string", name_));
      const std::string& wanted = one.text()->bytes();
      return name_ == "startswith" ? self_.bytes().starts_with(wanted)
                                   : self_.bytes().ends_with(wanted);
    };
    const Sequence* several = p.needed(0).sequence();
    if (!several) return Value(fits(p.needed(0)));
    machine_.budget.step(several->items.size());
    return Value(std::ranges::any_of(several->items, fits));
  }

  Value remove() const {
    const Parameters p(machine_, name_, arguments_, {"prefix"});
    const std::string& part = p.needed_text(0).bytes();
    if (name_ == "removeprefix")
      return made(self_.part(self_.bytes().starts_with(part) ? part.size() : 0, self_.size()));
    const bool ends = self_.bytes().ends_with(part);
    return made(self_.part(0, self_.size() - (ends ? part.size() : 0)));
  }

  Value replace() const {
    const Parameters p(machine_, name_, arguments_, {"old", "new", "count"});
    const MarkedText& with = p.needed_text(1);
    return made(replaced(machine_, self_, p.needed_text(0).bytes(),
                         markup_ && !p.needed(1).marked()->markup ? escaped(with) : with,
                         p.integer(2, -1)));
  }

  Value join() const {
    const Parameters p(machine_, name_, arguments_, {"iterable"});
    std::vector<MarkedText> parts;
    for (const Value& item : machine_.items(p.needed(0))) {
      if (!item.is_text())
        machine_.fail(
            fmt::format("join() needs strings, not {}: use the filter join", type_name(item)));
      parts.push_back(markup_ && !item.marked()->markup ? escaped(*item.text()) : *item.text());
    }
    return made(joined(machine_, parts, self_));
  }

  // str.format() with {}, {0} and {name}.
  Value format() const {
    MarkedText out;
    std::size_t next = 0;
    const std::string_view bytes = self_.bytes();
    for (std::size_t at = 0; at < bytes.size();) {
      const bool twice = at + 1 < bytes.size() && bytes[at + 1] == bytes[at];
      if ((bytes[at] != '{' && bytes[at] != '}') || twice) {
        const bool sign = bytes[at] == '{' || bytes[at] == '}';
        out.append(self_, at, at + 1);
        at += sign ? 2 : 1;
        continue;
      }
      const std::size_t end = bytes.find('}', at);
      if (bytes[at] == '}' || end == bytes.npos) machine_.fail("format(): a single { or }");
      const MarkedText value =
          machine_.text(field(std::string(bytes.substr(at + 1, end - at - 1)), next));
      machine_.budget.make_text(out.size() + value.size(), value.size());
      out.append(value);
      at = end + 1;
    }
    return made(std::move(out));
  }
  const Value& field(const std::string& name, std::size_t& next) const {
    const bool digits =
        !name.empty() && name.size() < 6 && name.find_first_not_of("0123456789") == name.npos;
    const std::size_t place = name.empty() ? next++ : digits ? std::stoul(name) : 0;
    if ((name.empty() || digits) && place < arguments_.positional.size())
      return arguments_.positional[place];
    const auto named =
        std::ranges::find(arguments_.named, name, [](const auto& one) { return one.first; });
    if (name.empty() || digits || named == arguments_.named.end())
      machine_.fail(fmt::format(
          "format(): no value for '{{{}}}'; only {{}}, {{0}} and {{name}} are supported", name));
    return named->second;
  }

  Value find() const {
    const Parameters p(machine_, name_, arguments_, {"sub"});
    const std::string &bytes = self_.bytes(), &wanted = p.needed_text(0).bytes();
    machine_.budget.search(bytes.size(), wanted.size());
    if (name_ == "count") {
      if (wanted.empty()) return Value(static_cast<std::int64_t>(count_characters(bytes)) + 1);
      std::int64_t count = 0;
      for (std::size_t at = bytes.find(wanted); at != bytes.npos;
           at = bytes.find(wanted, at + wanted.size()))
        ++count;
      return Value(count);
    }
    const std::size_t found = name_ == "rfind" ? bytes.rfind(wanted) : bytes.find(wanted);
    if (found == bytes.npos && name_ == "index") machine_.fail("index(): it does not occur");
    if (found == bytes.npos) return Value(std::int64_t{-1});
    return Value(
        static_cast<std::int64_t>(count_characters(std::string_view(bytes).substr(0, found))));
  }

  template <class Is>
  bool every_character(Is is) const {
    const std::string_view bytes = self_.bytes();
    for (std::size_t at = 0; at < bytes.size(); at += character_bytes(bytes.substr(at)))
      if (!is(bytes.substr(at, character_bytes(bytes.substr(at))))) return false;
    return !bytes.empty();
  }

  Value without_arguments() const {
    const auto is_digit = [](std::string_view c) { return c[0] >= '0' && c[0] <= '9'; };
    const Parameters none(machine_, name_, arguments_, {});
    if (name_ == "upper") return made(upper(self_));
    if (name_ == "lower" || name_ == "casefold") return made(lower(self_));
    if (name_ == "capitalize") return made(capitalize(self_));
    if (name_ == "title") return made(title(self_));
    if (name_ == "isspace") return Value(every_character(is_space));
    if (name_ == "isdigit" || name_ == "isdecimal" || name_ == "isnumeric")
      return Value(every_character(is_digit));
    const std::string &bytes = self_.bytes(), up = upper(self_).bytes(), low = lower(self_).bytes();
    if (name_ == "isupper") return Value(bytes == up && bytes != low);
    if (name_ == "islower") return Value(bytes == low && bytes != up);
    machine_.fail(fmt::format("the string method {}() is not supported", name_));
  }

  Machine& machine_;
  const std::string& name_;
  const MarkedText& self_;
  const bool markup_;
  const Arguments& arguments_;
};

}  // namespace

Value call_text_method(Machine& machine, const Function& method, const Arguments& arguments) {
  return TextMethod(machine, method, arguments).run();
}

}  // namespace stemma::chat::jinja

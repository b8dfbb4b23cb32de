#include "base/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/file.h"
#include "base/suggest.h"

#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace stemma {
namespace {

// toml++ 3.3 puts no limit on the depth of dotted keys (a.a.a...) and frees tables recursively, so
// hostile text could overflow the stack. No recipe of flat keys comes near these limits.
constexpr std::uint64_t kRecipeLimitBytes = 1 << 16;
constexpr std::size_t kDotsPerLine = 256;

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return value;
}

// 1e6 for an integer: what is whole and exact in a double.
std::optional<std::int64_t> whole(double value) {
  constexpr double kExact = 0x1p53;
  if (!(std::abs(value) <= kExact) || std::trunc(value) != value) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

std::string real_text(double value) {
  std::string text = fmt::format("{}", value);  // the shortest that reads back the same
  if (text.find_first_of(".en") == text.npos) text += ".0";  // a TOML float; 'n': inf, nan
  return text;
}

std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += fmt::format("\\{}", c);
    else if (byte < 0x20 || byte == 0x7F)
      out += fmt::format("\\u{:04X}", byte);
    else
      out += c;
  }
  return out + '"';
}

struct AsToml {
  std::string operator()(const std::string& text) const { return toml_text(text); }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return fmt::format("{}", value); }
  std::string operator()(double value) const { return real_text(value); }
  std::string operator()(const std::vector<std::string>& items) const {
    std::vector<std::string> texts;
    texts.reserve(items.size());
    for (const std::string& item : items) texts.push_back(toml_text(item));
    return fmt::format("[{}]", fmt::join(texts, ", "));
  }
};

bool is_snake_case(std::string_view key) {
  return !key.empty() && key.front() >= 'a' && key.front() <= 'z' &&
         std::all_of(key.begin(), key.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

// Shown in a message: short, on one line.
std::string shown(std::string_view text) {
  constexpr std::size_t kShown = 60;
  return text.size() > kShown ? fmt::format("'{}...'", text.substr(0, kShown))
                              : fmt::format("'{}'", text);
}

// What a recipe says, for an error message.
std::string describe(const toml::node& node) {
  if (const auto* text = node.as_string()) return fmt::format("the text {}", shown(text->get()));
  if (const auto* value = node.as_integer()) return fmt::format("{}", value->get());
  if (const auto* value = node.as_floating_point()) return fmt::format("{}", value->get());
  if (const auto* value = node.as_boolean()) return value->get() ? "true" : "false";
  if (node.is_array()) return "a list";
  if (node.is_table()) return "a section";
  return "a date or time";
}

// The key that a line seems to set, for errors that the TOML parser finds: "key 'steps': " or "".
std::string key_on_line(std::string_view text, std::size_t line) {
  for (; line > 1 && text.find('\n') != text.npos; --line) text.remove_prefix(text.find('\n') + 1);
  text = text.substr(0, text.find('\n'));
  if (text.find('=') == text.npos) return "";
  text = text.substr(0, text.find('='));
  while (text.ends_with(' ')) text.remove_suffix(1);
  return is_snake_case(text) ? fmt::format("key '{}': ", text) : std::string();
}

void check_limits(std::string_view text, std::string_view where) {
  if (text.size() > kRecipeLimitBytes)
    throw Error(ErrorCode::corrupt, fmt::format("[recipe] {} must have at most {} bytes, has {}",
                                                where, kRecipeLimitBytes, text.size()));
  std::size_t line = 1, dots = 0;
  for (const char c : text) {
    if (c == '\n') {
      ++line;
      dots = 0;
    }
    if (c == '.' && ++dots > kDotsPerLine)
      throw Error(ErrorCode::corrupt,
                  fmt::format("[recipe] {}, line {}: more than {} dots; spread a long list over "
                              "several lines",
                              where, line, kDotsPerLine));
  }
}

// One past the string that begins at the quote `text[at]`; an unfinished one ends with its line.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  const char quote = text[at];
  const bool multiline = text.substr(at).starts_with(std::string(3, quote));
  const std::string delimiter(multiline ? 3 : 1, quote);
  for (std::size_t i = at + delimiter.size(); i < text.size(); ++i) {
    if (!multiline && text[i] == '\n') return i;
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text.substr(i).starts_with(delimiter)) {
      i += delimiter.size();
      // Two quotes may stand before the three that end the string.
      for (int more = 0; multiline && more < 2 && i < text.size() && text[i] == quote; ++more) ++i;
      return i;
    }
  }
  return text.size();
}

[[noreturn]] void refuse(ErrorCode code, std::string_view where, std::string_view before,
                         std::string_view what) {
  const auto lines = std::count(before.begin(), before.end(), '\n');
  throw Error(code, fmt::format("[recipe] {}, line {}: {}", where, 1 + lines, what));
}

// What must not reach toml++ 3.3, which has no defined behaviour there: letters outside ASCII that
// stand in no string or comment (is_non_ascii_horizontal_whitespace), and table headers such as
// "[[[a" (parse_key), which a recipe has no use for.
void check_plain(std::string_view text, std::string_view where) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  int brackets = 0;
  bool line_begins = true;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '#') {
      i = std::min(text.find('\n', i), text.size());
      continue;
    }
    if (c == '{' || (c == '[' && line_begins && brackets == 0))
      refuse(ErrorCode::invalid_argument, where, text.substr(0, i),
             "a recipe has no sections and no tables: write each key as key = value");
    if (static_cast<unsigned char>(c) >= 0x80)
      refuse(ErrorCode::corrupt, where, text.substr(0, i),
             "a character outside ASCII must stand in quotes");
    if (c == '[') ++brackets;
    if (c == ']' && brackets > 0) --brackets;
    line_begins = c == '\n' || (line_begins && (c == ' ' || c == '\t' || c == '\r'));
    i = c == '"' || c == '\'' ? end_of_string(text, i) : i + 1;
  }
}

toml::table parse_toml(std::string_view text, std::string_view where) {
  check_limits(text, where);
  check_plain(text, where);
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    const auto at = error.source().begin;
    const std::string_view what = error.description();
    throw Error(ErrorCode::corrupt,
                fmt::format("[recipe] {}, line {}, column {}: {}{}{}", where, at.line, at.column,
                            key_on_line(text, at.line), what,
                            what.find("utf-8") == what.npos ? "" : "; save the file as UTF-8"));
  }
}

// As keys are: "--batch-size" and "batch_size" alike.
std::string bare_name(std::string_view word) {
  std::string name(word.substr(std::min(word.find_first_not_of('-'), word.size())));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

}  // namespace

std::string with_home(std::string path) {
  if (!path.starts_with('~')) return path;
  const char* home = std::getenv("HOME");
  const bool own = path.size() == 1 || path[1] == '/';
  if (!own || home == nullptr || *home == '\0')
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[options] {}: {}; write the folder out, or ./{} for one of that name",
                            shown(path),
                            own ? "the environment variable HOME, which ~ stands for, is not set"
                                : "only ~ itself, the home folder, is known here",
                            path));
  return home + path.substr(1);
}

std::string flag_of_key(std::string_view key) {
  std::string flag = fmt::format("--{}", key);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::string OptionSet::Option::allowed() const {
  if (!choices.empty()) return fmt::format("one of {}", fmt::join(choices, ", "));
  if (std::holds_alternative<std::int64_t*>(target)) {
    const IntegerRange any;
    if (integers.min == any.min && integers.max == any.max) return "an integer";
    if (integers.max == any.max) return fmt::format("an integer of at least {}", integers.min);
    return fmt::format("an integer from {} to {}", integers.min, integers.max);
  }
  if (std::holds_alternative<double*>(target)) {
    const RealRange any;
    if (reals.min == any.min && reals.max == any.max) return "a number";
    if (reals.max == any.max) return fmt::format("a number of at least {}", reals.min);
    return fmt::format("a number from {} to {}", reals.min, reals.max);
  }
  if (std::holds_alternative<bool*>(target)) return "true or false";
  if (std::holds_alternative<std::vector<std::string>*>(target)) return "a list of texts";
  return "a text";
}

bool OptionSet::Option::allows(const Value& value) const {
  if (const auto* integer = std::get_if<std::int64_t>(&value))
    return *integer >= integers.min && *integer <= integers.max;
  // Written so that NaN fails.
  if (const auto* real = std::get_if<double>(&value))
    return *real >= reals.min && *real <= reals.max;
  if (const auto* text = std::get_if<std::string>(&value))
    return choices.empty() || std::find(choices.begin(), choices.end(), *text) != choices.end();
  return true;
}

OptionSet::Value OptionSet::Option::value() const {
  return std::visit([](const auto* pointer) { return Value(*pointer); }, target);
}

bool OptionSet::Option::parse(std::string_view text, Value& result) const {
  if (std::holds_alternative<std::string*>(target)) {
    result = std::string(text);
  } else if (std::holds_alternative<bool*>(target)) {
    if (text != "true" && text != "false") return false;
    result = text == "true";
  } else if (std::holds_alternative<std::int64_t*>(target)) {
    std::optional<std::int64_t> integer = parse_number<std::int64_t>(text);
    if (const auto real = parse_number<double>(text); !integer && real) integer = whole(*real);
    if (!integer) return false;
    result = *integer;
  } else if (std::holds_alternative<double*>(target)) {
    const auto real = parse_number<double>(text);
    if (!real) return false;
    result = *real;
  } else {
    result = std::vector<std::string>{std::string(text)};
  }
  return allows(result);
}

void OptionSet::Option::assign(Value value, OptionSource from) {
  if (is_path) {
    if (auto* text = std::get_if<std::string>(&value)) *text = with_home(std::move(*text));
    if (is_folder && std::get<std::string>(value) == "-")
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("[options] {} is a folder, which standard output (-) cannot hold: name "
                      "a folder, or ./- for one of that name",
                      flag_of_key(help.key)));
    if (auto* texts = std::get_if<std::vector<std::string>>(&value))
      for (std::string& text : *texts) text = with_home(std::move(text));
  }
  std::visit(
      [&](auto* pointer) {
        *pointer = std::get<std::decay_t<decltype(*pointer)>>(std::move(value));
      },
      target);
  source = from;
}

void OptionSet::declare(OptionHelp help, Option option) {
  option.help = std::move(help);
  const std::string& key = option.help.key;
  const auto wrong = [&](std::string_view why) {
    return Error(ErrorCode::internal,
                 fmt::format("[options] key '{}' of {} {}", key, command_, why));
  };
  if (!is_snake_case(key)) throw wrong("must be snake_case");
  if (find(key) != nullptr) throw wrong("is declared twice");
  if (!option.allows(option.value())) throw wrong("has a default that is not allowed");
  Value ignored;
  if (!option.parse(option.help.example, ignored))
    throw wrong("has an example that is not allowed");
  option.default_text = std::visit(AsToml(), option.value());
  options_.push_back(std::move(option));
}

void OptionSet::add(OptionHelp help, std::string& value) {
  declare(std::move(help), {.target = &value});
}
void OptionSet::add(OptionHelp help, bool& value) { declare(std::move(help), {.target = &value}); }
void OptionSet::add(OptionHelp help, std::int64_t& value, IntegerRange range) {
  declare(std::move(help), {.target = &value, .integers = range});
}
void OptionSet::add(OptionHelp help, double& value, RealRange range) {
  declare(std::move(help), {.target = &value, .reals = range});
}
void OptionSet::add(OptionHelp help, std::vector<std::string>& value) {
  declare(std::move(help), {.target = &value});
}
void OptionSet::add_path(OptionHelp help, std::string& value) {
  declare(std::move(help), {.target = &value, .is_path = true});
}
void OptionSet::add_path(OptionHelp help, std::vector<std::string>& value) {
  declare(std::move(help), {.target = &value, .is_path = true});
}
void OptionSet::add_folder(OptionHelp help, std::string& value) {
  declare(std::move(help), {.target = &value, .is_path = true, .is_folder = true});
}
void OptionSet::add_choice(OptionHelp help, std::string& value, std::vector<std::string> choices) {
  declare(std::move(help), {.target = &value, .choices = std::move(choices)});
}

const OptionSet::Option* OptionSet::find(std::string_view key) const {
  for (const Option& option : options_)
    if (option.help.key == key) return &option;
  return nullptr;
}

OptionSet::Option& OptionSet::find_or_throw(std::string_view key, std::string_view place) {
  for (Option& option : options_)
    if (option.help.key == key) return option;
  const std::string known = hint(key);
  throw Error(
      ErrorCode::invalid_argument,
      fmt::format("{}: unknown key {}{}", place, shown(key),
                  known.empty() ? fmt::format("; `stemma {} --help` lists all", command_) : known));
}

std::string OptionSet::hint(std::string_view unknown) const {
  const bool is_flag = unknown.starts_with('-');
  const std::string name = bare_name(unknown);
  std::vector<std::string> names;
  for (const Option& option : options_) {
    const std::string& key = option.help.key;
    const auto& others = option.help.other_names;
    if (std::find(others.begin(), others.end(), name) != others.end())
      return fmt::format("; see {} ({})", is_flag ? flag_of_key(key) : key, option.help.help);
    names.push_back(is_flag ? flag_of_key(key) : key);
  }
  return did_you_mean(std::string(unknown), names);
}

void OptionSet::set(std::string_view key, std::string_view text) {
  const std::string value(text);
  set(key, std::span(&value, 1));
}

void OptionSet::set(std::string_view key, std::span<const std::string> values) {
  Option& option = find_or_throw(key, "[options]");
  Value value;
  if (std::holds_alternative<std::vector<std::string>*>(option.target))
    value = std::vector<std::string>(values.begin(), values.end());
  else if (values.size() > 1)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[options] {} is there {} times: give it once", flag_of_key(key),
                            values.size()));
  else if (values.empty() || !option.parse(values.front(), value))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[options] {} must be {}, got {}", flag_of_key(key), option.allowed(),
                            values.empty() ? "none" : shown(values.front())));
  option.assign(std::move(value), OptionSource::command_line);
}

void OptionSet::read_toml(const std::filesystem::path& path) {
  read_toml_text(read_file(path, 1 << 20), path.string());
}

namespace {

// The node as the type that `like` holds.
template <class Value>
std::optional<Value> convert(const toml::node& node, const Value& like) {
  if (std::holds_alternative<std::string>(like)) {
    if (const auto* text = node.as_string()) return Value(text->get());
  } else if (std::holds_alternative<bool>(like)) {
    if (const auto* value = node.as_boolean()) return Value(value->get());
  } else if (std::holds_alternative<std::int64_t>(like)) {
    if (const auto* value = node.as_integer()) return Value(std::int64_t{value->get()});
    if (const auto* value = node.as_floating_point())
      if (const auto integer = whole(value->get())) return Value(*integer);
  } else if (std::holds_alternative<double>(like)) {
    if (const auto* value = node.as_floating_point()) return Value(value->get());
    if (const auto* value = node.as_integer()) return Value(static_cast<double>(value->get()));
  } else if (const auto* array = node.as_array()) {
    std::vector<std::string> items;
    for (const toml::node& item : *array) {
      if (!item.is_string()) return std::nullopt;
      items.push_back(item.as_string()->get());
    }
    return Value(std::move(items));
  }
  return std::nullopt;
}

}  // namespace

void OptionSet::read_toml_text(std::string_view text, std::string_view where) {
  const toml::table table = parse_toml(text, where);
  for (const auto& [key, node] : table) {
    const std::string place = fmt::format("[recipe] {}, line {}", where, key.source().begin.line);
    Option& option = find_or_throw(key.str(), place);
    std::optional<Value> value = convert(node, option.value());
    if (!value || !option.allows(*value))
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("{}: {} must be {}, got {}", place, key.str(), option.allowed(),
                              describe(node)));
    if (option.source != OptionSource::command_line)
      option.assign(std::move(*value), OptionSource::recipe);
  }
}

std::string OptionSet::to_toml() const {
  std::string text;
  for (const Option& option : options_) {
    const std::string value = std::visit(AsToml(), option.value());
    // A bare assignment is the cheapest judge of what a recipe can hold.
    try {
      (void)toml::parse("x = " + value);
    } catch (const toml::parse_error&) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[options] {} must be UTF-8 text to be saved in a recipe, got {}; "
                              "rename the file or change the text",
                              flag_of_key(option.help.key), shown(value)));
    }
    fmt::format_to(std::back_inserter(text), "{} = {}\n", option.help.key, value);
  }
  return text;
}

std::vector<OptionInfo> OptionSet::infos() const {
  std::vector<OptionInfo> result;
  for (const Option& option : options_) {
    OptionType type = OptionType::text;
    if (!option.choices.empty())
      type = OptionType::choice;
    else if (std::holds_alternative<std::int64_t*>(option.target))
      type = OptionType::integer;
    else if (std::holds_alternative<double*>(option.target))
      type = OptionType::real;
    else if (std::holds_alternative<bool*>(option.target))
      type = OptionType::boolean;
    else if (std::holds_alternative<std::vector<std::string>*>(option.target))
      type = option.is_path ? OptionType::paths : OptionType::list;
    else if (option.is_path)
      type = OptionType::path;
    result.push_back({option.help.key, flag_of_key(option.help.key), option.help.help,
                      option.help.example, type, option.allowed(), option.default_text,
                      option.source});
  }
  return result;
}

OptionSource OptionSet::source(std::string_view key) const {
  if (const Option* option = find(key)) return option->source;
  throw Error(ErrorCode::internal, fmt::format("[options] no key '{}' is declared", key));
}

}  // namespace stemma

#include "base/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <unordered_set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/placeholder.h"

namespace stemma {
namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr double kTwo63 = 0x1p63;

// Input iterator over the text that tells its owner how far the parser has read, because the
// parser's events carry no position.
class TrackedChar {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  TrackedChar(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  TrackedChar& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  bool operator==(const TrackedChar& other) const { return at_ == other.at_; }
  bool operator!=(const TrackedChar& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

std::string where_and_position(std::string_view where, std::string_view text_before) {
  const auto line = 1 + std::count(text_before.begin(), text_before.end(), '\n');
  const std::size_t line_start = text_before.rfind('\n') + 1;  // npos + 1 = 0
  return fmt::format("[json] {}, line {}, column {}", where, line,
                     std::max<std::size_t>(text_before.size() - line_start, 1));
}

// Builds values from the parser's events. Open containers wait in a stack, so neither building nor
// giving up half way recurses deeper than kMaxDepth.
class Builder {
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  bool null() { return add(Json()); }
  bool boolean(bool value) { return add(Json(value)); }
  bool number_integer(number_integer_t value) { return add(Json(std::int64_t{value})); }
  bool number_unsigned(number_unsigned_t value) {
    constexpr auto kMax = std::uint64_t{std::numeric_limits<std::int64_t>::max()};
    return add(value <= kMax ? Json(static_cast<std::int64_t>(value))
                             : Json(static_cast<double>(value)));
  }
  bool number_float(number_float_t value, const string_t&) { return add(Json(value)); }
  bool string(string_t& value) { return add(Json(std::move(value))); }
  bool binary(binary_t&) { return fail("binary data is not JSON"); }

  bool start_object(std::size_t) { return open(true); }
  bool start_array(std::size_t) { return open(false); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(string_t& name) {
    if (!open_.back().keys.insert(name).second)
      return fail(fmt::format("the key '{}' comes twice in one object", name));
    open_.back().members.emplace_back(std::move(name), Json());
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: what ..."; the position is
    // told in our own words.
    std::string_view text = error.what();
    if (const auto at = text.find("] "); at != text.npos) text.remove_prefix(at + 2);
    if (text.starts_with("parse error"))
      if (const auto at = text.find(": "); at != text.npos) text.remove_prefix(at + 2);
    // It would quote the bytes as they are, which need not be text.
    const bool no_utf8 = text.find("UTF-8") != text.npos;
    text = text.substr(0, text.find("; last read"));
    return fail(std::string(text) + (no_utf8 ? "; save the file as UTF-8" : ""));
  }

  const std::string& error() const { return error_; }
  Json take_result() { return std::move(result_); }

 private:
  struct Container {
    bool is_object;
    Json::Object members;
    Json::Array items;
    std::unordered_set<std::string> keys;
  };

  bool fail(std::string text) {
    error_ = std::move(text);
    return false;
  }
  bool open(bool is_object) {
    if (open_.size() == kMaxDepth)
      return fail(fmt::format("nested deeper than {} levels", kMaxDepth));
    open_.push_back({is_object, {}, {}, {}});
    return true;
  }
  bool close() {
    Container& top = open_.back();
    Json value =
        top.is_object ? Json::from_members(std::move(top.members)) : Json(std::move(top.items));
    open_.pop_back();
    return add(std::move(value));
  }
  bool add(Json value) {
    if (open_.empty())
      result_ = std::move(value);
    else if (open_.back().is_object)
      open_.back().members.back().second = std::move(value);
    else
      open_.back().items.push_back(std::move(value));
    return true;
  }

  std::vector<Container> open_;
  Json result_;
  std::string error_;
};

// "the number 3", "the text 'abc'", "an array": what a value is, for error messages.
std::string describe(const Json& value) {
  if (value.is_array()) return "an array";
  if (value.is_object()) return "an object";
  constexpr std::size_t kShown = 60;
  std::string text = value.dump();
  if (text.size() > kShown) text = text.substr(0, kShown) + "...";
  return text;
}

[[noreturn]] void throw_type(std::string_view expected, const Json& got) {
  throw Error(ErrorCode::corrupt,
              fmt::format("[json] expected {}, got {}", expected, describe(got)));
}

// Runs a typed access and adds the key's name to its error.
template <class Access>
auto with_key(std::string_view key, Access access) {
  try {
    return access();
  } catch (const Error& error) {
    std::string_view text = error.what();
    text.remove_prefix(std::string_view("[json] ").size());
    throw Error(error.code(), fmt::format("[json] key '{}': {}", key, text));
  }
}

void append_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char digits[32];
  const auto result = std::to_chars(digits, digits + sizeof digits, value);
  const std::string_view text(digits, static_cast<std::size_t>(result.ptr - digits));
  out += text;
  // So that it reads back as a double.
  if (text.find_first_of(".e") == text.npos) out += ".0";
}

void append_string(std::string& out, const std::string& text) {
  out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void append_line_break(std::string& out, int indent, int depth) {
  if (indent == 0) return;
  out += '\n';
  out.append(static_cast<std::size_t>(indent) * static_cast<std::size_t>(depth), ' ');
}

void append_value(std::string& out, const Json& value, int indent, int depth);

template <class Container, class AppendItem>
void append_container(std::string& out, const Container& items, std::string_view brackets,
                      int indent, int depth, AppendItem append_item) {
  out += brackets[0];
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += indent == 0 ? ", " : ",";
    first = false;
    append_line_break(out, indent, depth + 1);
    append_item(item);
  }
  if (!first) append_line_break(out, indent, depth);
  out += brackets[1];
}

void append_value(std::string& out, const Json& value, int indent, int depth) {
  if (value.is_null()) {
    out += "null";
  } else if (value.is_bool()) {
    out += value.as_bool() ? "true" : "false";
  } else if (value.is_int()) {
    fmt::format_to(std::back_inserter(out), "{}", value.as_int());
  } else if (value.is_number()) {
    append_number(out, value.as_double());
  } else if (value.is_string()) {
    append_string(out, value.as_string());
  } else if (value.is_array()) {
    append_container(out, value.as_array(), "[]", indent, depth,
                     [&](const Json& item) { append_value(out, item, indent, depth + 1); });
  } else {
    append_container(out, value.as_object(), "{}", indent, depth, [&](const Json::Member& member) {
      append_string(out, member.first);
      out += ": ";
      append_value(out, member.second, indent, depth + 1);
    });
  }
}

}  // namespace

Json Json::of_float(float value) {
  const std::string text = fmt::format("{}", value);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size()
             ? Json(number)
             : Json(static_cast<double>(value));
}

Json::Json(std::uint64_t value) {
  if (value > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[json] an integer must be at most 2^63 - 1, got {}", value));
  value_ = static_cast<std::int64_t>(value);
}

Json Json::object(std::initializer_list<Member> members) { return from_members(Object(members)); }

Json Json::from_members(Object members) {
  Json result;
  result.value_ = std::move(members);
  return result;
}

Json Json::array(std::initializer_list<Json> items) {
  Json result;
  result.value_ = Array(items);
  return result;
}

Json Json::parse(std::string_view text, std::string_view where) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    throw Error(ErrorCode::corrupt,
                fmt::format("[{}] the text is UTF-16: save it as UTF-8", where));
  if (const std::string what = placeholder_of(text.substr(0, 256)); !what.empty())
    throw Error(ErrorCode::corrupt, fmt::format("[{}] it is {}", where, what));
  const char* reached = text.data();
  const char* const end = text.data() + text.size();
  Builder builder;
  const bool parsed = nlohmann::json::sax_parse(TrackedChar(text.data(), &reached),
                                                TrackedChar(end, &reached), &builder);
  std::string error = builder.error();
  // The parser takes a zero byte for the end of the text; no valid text holds one.
  if (const auto zero = text.find('\0'); parsed && zero != text.npos) {
    error = "expected the end of the text, got a zero byte";
    reached = text.data() + zero + 1;
  }
  if (!error.empty())
    throw Error(
        ErrorCode::corrupt,
        fmt::format("{}: {}",
                    where_and_position(
                        where, text.substr(0, static_cast<std::size_t>(reached - text.data()))),
                    error));
  return builder.take_result();
}

bool Json::as_bool() const {
  if (const bool* value = std::get_if<bool>(&value_)) return *value;
  throw_type("true or false", *this);
}

std::int64_t Json::as_int() const {
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return *value;
  if (const auto* value = std::get_if<double>(&value_))
    if (*value >= -kTwo63 && *value < kTwo63 && std::trunc(*value) == *value)
      return static_cast<std::int64_t>(*value);
  throw_type("an integer", *this);
}

double Json::as_double() const {
  if (const auto* value = std::get_if<double>(&value_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*value);
  throw_type("a number", *this);
}

const std::string& Json::as_string() const {
  if (const auto* value = std::get_if<std::string>(&value_)) return *value;
  throw_type("a text", *this);
}

const Json::Array& Json::as_array() const {
  if (const auto* value = std::get_if<Array>(&value_)) return *value;
  throw_type("an array", *this);
}

const Json::Object& Json::as_object() const {
  if (const auto* value = std::get_if<Object>(&value_)) return *value;
  throw_type("an object", *this);
}

const Json* Json::find(std::string_view key) const {
  for (const Member& member : as_object())
    if (member.first == key) return &member.second;
  return nullptr;
}

const Json& Json::at(std::string_view key) const {
  if (const Json* value = find(key)) return *value;
  throw Error(ErrorCode::corrupt, fmt::format("[json] key '{}' is missing", key));
}

bool Json::get(std::string_view key, bool fallback) const {
  const Json* value = find(key);
  if (value == nullptr || value->is_null()) return fallback;
  return with_key(key, [&] { return value->as_bool(); });
}

std::int64_t Json::get(std::string_view key, std::int64_t fallback) const {
  const Json* value = find(key);
  if (value == nullptr || value->is_null()) return fallback;
  return with_key(key, [&] { return value->as_int(); });
}

double Json::get(std::string_view key, double fallback) const {
  const Json* value = find(key);
  if (value == nullptr || value->is_null()) return fallback;
  return with_key(key, [&] { return value->as_double(); });
}

std::string Json::get(std::string_view key, const char* fallback) const {
  const Json* value = find(key);
  if (value == nullptr || value->is_null()) return fallback;
  return with_key(key, [&] { return value->as_string(); });
}

void Json::set(std::string_view key, Json value) {
  if (is_null()) value_ = Object();
  Object* const members = std::get_if<Object>(&value_);
  if (members == nullptr)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[json] set('{}') needs an object, got {}", key, describe(*this)));
  for (Member& member : *members) {
    if (member.first != key) continue;
    member.second = std::move(value);
    return;
  }
  members->emplace_back(std::string(key), std::move(value));
}

void Json::push_back(Json value) {
  if (is_null()) value_ = Array();
  Array* const items = std::get_if<Array>(&value_);
  if (items == nullptr)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[json] push_back() needs an array, got {}", describe(*this)));
  items->push_back(std::move(value));
}

std::string Json::dump(int indent) const {
  std::string out;
  append_value(out, *this, indent, 0);
  return out;
}

}  // namespace stemma

// JSON values (RFC 8259): a small value type of our own, so that the parser library stays in one
// source file. Objects keep the order of their keys. Numbers are kept as integers where they are
// written as integers that fit 64 bits, otherwise as doubles.
//
//   Json config = Json::parse(text, "config.json");
//   int layers = config.at("n_layer").as_int();  // throws corrupt; a value knows no file name, so
//                                                // the reader of a file adds it
//   Json out = Json::object({{"step", 3}, {"loss", 2.5}});
//   std::string line = out.dump();
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace stemma {

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;  // null
  Json(bool value) : value_(value) {}
  Json(int value) : value_(static_cast<std::int64_t>(value)) {}
  Json(std::int64_t value) : value_(value) {}
  Json(std::uint64_t value);             // throws invalid_argument above 2^63 - 1
  Json(double value) : value_(value) {}  // NaN and infinities dump as null
  // A number that dumps as the shortest text that reads back as the same f32.
  static Json of_float(float value);
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  static Json object(std::initializer_list<Member> members = {});
  static Json array(std::initializer_list<Json> items = {});
  // The keys must differ.
  static Json from_members(Object members);

  // Throws corrupt with `where` (a file name, usually), line and column: malformed text, invalid
  // UTF-8, nesting deeper than 64, a duplicate key, trailing bytes.
  static Json parse(std::string_view text, std::string_view where);

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_int() const { return std::holds_alternative<std::int64_t>(value_); }
  bool is_number() const { return is_int() || std::holds_alternative<double>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }

  // Each throws corrupt when the value has another type; the message says what it has.
  bool as_bool() const;
  std::int64_t as_int() const;  // also a double with an integral value, such as 768.0
  double as_double() const;     // also an integer
  const std::string& as_string() const;
  const Array& as_array() const;
  const Object& as_object() const;

  // Member of an object: null pointer / throws corrupt "key 'n_layer' is missing".
  const Json* find(std::string_view key) const;
  const Json& at(std::string_view key) const;
  // Member or, where it is absent or null, the default.
  bool get(std::string_view key, bool fallback) const;
  std::int64_t get(std::string_view key, std::int64_t fallback) const;
  std::int64_t get(std::string_view key, int fallback) const {
    return get(key, static_cast<std::int64_t>(fallback));
  }
  double get(std::string_view key, double fallback) const;
  std::string get(std::string_view key, const char* fallback) const;

  // Sets or replaces a member; a null value becomes an object first. Throws invalid_argument on
  // another type.
  void set(std::string_view key, Json value);
  // Appends to an array; a null value becomes an array first.
  void push_back(Json value);

  // UTF-8 text; indent 0 gives one line. Doubles are the shortest text that reads back the same.
  // Bytes of a string that are not UTF-8 become U+FFFD.
  std::string dump(int indent = 0) const;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

}  // namespace stemma

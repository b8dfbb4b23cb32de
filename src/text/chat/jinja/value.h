// The values of a template, as Python has them.
//
//   const Value messages = Value::of_json(json);       // given: its texts and numbers are data
//   const Value two = std::int64_t{2};                 // the template's own
//   truth(messages), equal(two, Value(2.0)), type_name(two);
//
// Containers are shared and never changed once made, but for namespaces and the place of an
// iterator. No container may hold itself: their size is bounded (Size) and a namespace takes no
// value with a namespace in it. So destroying and printing one never takes long, nor recurses far.
// A loop, a macro and a method are values too. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "text/chat/jinja/marked_text.h"

namespace stemma::chat::jinja {

class Value;
struct Scope;
struct Statement;

// Prints as nothing; `what` says it in messages: "'tools' is undefined".
struct Undefined {
  std::shared_ptr<const std::string> what;
};
struct Text {
  MarkedText text;
  bool markup = false;  // markupsafe's Markup: what is joined to it by + is escaped for HTML
};
// Of a container: levels and values in it, each counted as often as it is reached.
struct Size {
  static constexpr int kLevels = 100;
  static constexpr std::size_t kValues = 1'000'000;

  int levels = 1;
  std::size_t values = 1;
  bool has_namespace = false;

  // Of a container that this value goes into. Throws unsupported above the limits.
  void add(const Value& value);
};
// One type for what Python has several for.
struct Sequence {
  enum class Kind : std::uint8_t { list, tuple, range, keys, values, items, iterator };
  Kind kind = Kind::list;
  std::vector<Value> items;
  std::size_t next = 0;  // of an iterator: what is behind it is used up
  Size size;
};
class Mapping;
struct Namespace;
struct Loop;
struct Macro {
  const Statement* definition = nullptr;
  std::shared_ptr<Scope> scope;  // where it was defined
};
// A function of the language, or a method of `self`.
struct Function {
  std::string name;
  std::shared_ptr<const Value> self;  // null: a function
};

class Value {
 public:
  using Data = std::variant<
      Undefined, std::monostate, bool, std::int64_t, double, std::shared_ptr<const Text>,
      std::shared_ptr<Sequence>, std::shared_ptr<const Mapping>, std::shared_ptr<Namespace>,
      std::shared_ptr<const Loop>, std::shared_ptr<const Macro>, std::shared_ptr<const Function>>;

  Value() : data_(Undefined()) {}
  static Value none() { return Value(Data(std::monostate())); }
  static Value undefined(std::string what);
  Value(bool value) : data_(value) {}
  Value(std::int64_t value) : data_(value) {}
  Value(double value) : data_(value) {}
  Value(MarkedText text, bool markup = false);
  Value(std::string_view text, Origin from) : Value(MarkedText(text, from)) {}
  Value(std::shared_ptr<Sequence> value) : data_(std::move(value)) {}
  Value(std::shared_ptr<const Mapping> value) : data_(std::move(value)) {}
  Value(std::shared_ptr<Namespace> value) : data_(std::move(value)) {}
  Value(std::shared_ptr<const Loop> value) : data_(std::move(value)) {}
  Value(std::shared_ptr<const Macro> value) : data_(std::move(value)) {}
  Value(std::shared_ptr<const Function> value) : data_(std::move(value)) {}
  // Everything in it is data. Of `messages`, the roles that every template knows ("user") are not:
  // template.h says why. Throws unsupported where it is nested too deep.
  static Value of_json(const Json& json, bool messages = false);

  template <class T>
  const T* as() const {
    return std::get_if<T>(&data_);
  }
  // The container behind the pointer, or null.
  template <class T>
  T* shared() const {
    const auto* pointer = std::get_if<std::shared_ptr<T>>(&data_);
    return pointer ? pointer->get() : nullptr;
  }

  bool is_undefined() const { return as<Undefined>() != nullptr; }
  bool is_none() const { return as<std::monostate>() != nullptr; }
  bool is_text() const { return text() != nullptr; }
  const MarkedText* text() const;
  const Text* marked() const { return shared<const Text>(); }
  const Sequence* sequence() const { return shared<Sequence>(); }
  const Mapping* mapping() const { return shared<const Mapping>(); }
  // An integer as Python counts them: a bool is one.
  std::optional<std::int64_t> integer() const;
  // An integer or a float.
  std::optional<double> number() const;

  // Of a number, a bool or none: whether what it prints was given as data.
  Origin origin = Origin::of_template;

 private:
  explicit Value(Data data) : data_(std::move(data)) {}
  Data data_;
};

// A dict: keeps the order of its keys.
class Mapping {
 public:
  using Entry = std::pair<Value, Value>;
  const std::vector<Entry>& entries() const { return entries_; }
  std::size_t size() const { return entries_.size(); }
  // Null where there is no such key, or where it cannot be one.
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  // False where `key` cannot be one (a list).
  bool set(Value key, Value value);

  const Size& container_size() const { return size_; }

 private:
  Size size_;
  std::vector<Entry> entries_;
  std::unordered_map<std::string, std::size_t> index_;  // by what equal keys have in common
};

struct Namespace {
  Mapping attributes;
};

struct Loop {
  std::shared_ptr<const std::vector<Value>> items;
  std::size_t index = 0;
};

// The name of Python's type: "str", "dict".
std::string_view type_name(const Value& value);
bool truth(const Value& value);
bool equal(const Value& a, const Value& b);
// Negative, 0 or positive; nothing where Python cannot order the two.
std::optional<int> order(const Value& a, const Value& b);
// What a container grows by when this value goes into it; of a plain value: 0 levels, 1 value.
Size size_of(const Value& value);

Value make_sequence(std::vector<Value> items, Sequence::Kind kind = Sequence::Kind::list);
// What iterating over a value gives: items, keys, characters. Nothing where it cannot be iterated
// over. Uses an iterator up.
std::optional<std::vector<Value>> items_of(const Value& value);
// len(); nothing where there is none.
std::optional<std::size_t> length_of(const Value& value);

}  // namespace stemma::chat::jinja

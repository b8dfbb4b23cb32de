#include "text/chat/jinja/value.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "text/chat/jinja/characters.h"

namespace stemma::chat::jinja {
namespace {

// Roles that templates compare with, and put between the signs of a control token ("<|user|>").
// They are the template's words, whoever says them.
constexpr std::array<std::string_view, 9> kRoles = {"system",      "developer", "user",
                                                    "assistant",   "tool",      "function",
                                                    "observation", "ipython",   "model"};

void check_levels(int levels) {
  if (levels > Size::kLevels)
    throw Error(ErrorCode::unsupported,
                fmt::format("[chat] lists and objects are nested deeper than {} levels: nest them "
                            "less",
                            Size::kLevels));
}

Value of_json_below(const Json& json, bool messages, int level) {
  check_levels(level);
  Value value = Value::none();
  if (json.is_bool()) value = Value(json.as_bool());
  if (json.is_int()) value = Value(json.as_int());
  if (json.is_number() && !json.is_int()) value = Value(json.as_double());
  if (json.is_string()) value = Value(json.as_string(), Origin::data);
  if (json.is_array()) {
    std::vector<Value> items;
    for (const Json& item : json.as_array())
      items.push_back(of_json_below(item, messages, level + 1));
    value = make_sequence(std::move(items));
  }
  if (json.is_object()) {
    auto mapping = std::make_shared<Mapping>();
    for (const auto& [key, item] : json.as_object())
      mapping->set(Value(key, Origin::data), of_json_below(item, messages, level + 1));
    if (const Json* role = json.find("role"); messages && level == 2 && role && role->is_string())
      if (std::ranges::find(kRoles, role->as_string()) != kRoles.end())
        mapping->set(Value("role", Origin::data), Value(role->as_string(), Origin::of_template));
    value = Value(std::shared_ptr<const Mapping>(std::move(mapping)));
  }
  value.origin = Origin::data;
  return value;
}

// What equal keys have in common; nothing for what cannot be a key.
std::optional<std::string> key_of(const Value& value) {
  if (const MarkedText* text = value.text()) return "s" + text->bytes();
  if (const auto integer = value.integer()) return fmt::format("n{}", *integer);
  if (const auto number = value.number()) {
    if (*number == std::floor(*number) && std::abs(*number) < 0x1p53)
      return fmt::format("n{}", static_cast<std::int64_t>(*number));
    return fmt::format("f{}", *number);
  }
  if (value.is_none()) return "none";
  const Sequence* tuple = value.sequence();
  if (!tuple || tuple->kind != Sequence::Kind::tuple) return std::nullopt;
  std::string key = "(";
  for (const Value& item : tuple->items) {
    const auto part = key_of(item);
    if (!part) return std::nullopt;
    key += fmt::format("{}:{}", part->size(), *part);
  }
  return key;
}

bool equal_items(const std::vector<Value>& a, const std::vector<Value>& b) {
  return std::ranges::equal(a, b, equal);
}

bool equal_mappings(const Mapping& a, const Mapping& b) {
  return a.size() == b.size() && std::ranges::all_of(a.entries(), [&](const auto& entry) {
           const Value* other = b.find(entry.first);
           return other && equal(entry.second, *other);
         });
}

template <class T>
int sign_of(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

}  // namespace

Value Value::undefined(std::string what) {
  return Value(Data(Undefined{std::make_shared<const std::string>(std::move(what))}));
}

Value::Value(MarkedText text, bool markup)
    : data_(std::make_shared<const Text>(Text{std::move(text), markup})) {}

Value Value::of_json(const Json& json, bool messages) { return of_json_below(json, messages, 1); }

const MarkedText* Value::text() const {
  const Text* text = marked();
  return text ? &text->text : nullptr;
}

std::optional<std::int64_t> Value::integer() const {
  if (const auto* value = as<std::int64_t>()) return *value;
  if (const auto* value = as<bool>()) return *value ? 1 : 0;
  return std::nullopt;
}

std::optional<double> Value::number() const {
  if (const auto* value = as<double>()) return *value;
  if (const auto value = integer()) return static_cast<double>(*value);
  return std::nullopt;
}

const Value* Mapping::find(const Value& key) const {
  const auto name = key_of(key);
  if (!name) return nullptr;
  const auto found = index_.find(*name);
  return found == index_.end() ? nullptr : &entries_[found->second].second;
}

const Value* Mapping::find(std::string_view key) const {
  const auto found = index_.find("s" + std::string(key));
  return found == index_.end() ? nullptr : &entries_[found->second].second;
}

bool Mapping::set(Value key, Value value) {
  auto name = key_of(key);
  if (!name) return false;
  size_.add(key);
  size_.add(value);
  const auto [found, is_new] = index_.try_emplace(std::move(*name), entries_.size());
  if (is_new)
    entries_.emplace_back(std::move(key), std::move(value));
  else
    entries_[found->second].second = std::move(value);
  return true;
}

std::string_view type_name(const Value& value) {
  if (value.is_undefined()) return "Undefined";
  if (value.is_none()) return "NoneType";
  if (value.as<bool>()) return "bool";
  if (value.as<std::int64_t>()) return "int";
  if (value.as<double>()) return "float";
  if (value.is_text()) return "str";
  if (value.mapping()) return "dict";
  if (value.shared<Namespace>()) return "Namespace";
  if (value.shared<const Loop>()) return "LoopContext";
  if (value.shared<const Macro>()) return "Macro";
  if (value.shared<const Function>()) return "function";
  static constexpr std::array<std::string_view, 7> kSequences = {
      "list", "tuple", "range", "dict_keys", "dict_values", "dict_items", "generator"};
  return kSequences[static_cast<std::size_t>(value.sequence()->kind)];
}

bool truth(const Value& value) {
  if (value.is_undefined() || value.is_none()) return false;
  if (const auto number = value.number()) return *number != 0;
  if (const MarkedText* text = value.text()) return !text->empty();
  if (const Mapping* mapping = value.mapping()) return mapping->size() > 0;
  if (const Sequence* sequence = value.sequence())
    return sequence->kind == Sequence::Kind::iterator || !sequence->items.empty();
  return true;
}

bool equal(const Value& a, const Value& b) {
  if (a.integer() && b.integer()) return *a.integer() == *b.integer();
  if (a.number() && b.number()) return *a.number() == *b.number();
  if (a.is_text() && b.is_text()) return a.text()->bytes() == b.text()->bytes();
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  if (a.is_undefined() || b.is_undefined()) return a.is_undefined() && b.is_undefined();
  if (a.mapping() && b.mapping()) return equal_mappings(*a.mapping(), *b.mapping());
  if (const Sequence *x = a.sequence(), *y = b.sequence(); x && y) {
    using enum Sequence::Kind;
    const bool by_items = x->kind == y->kind && x->kind != values && x->kind != iterator;
    return x == y || (by_items && equal_items(x->items, y->items));
  }
  return a.shared<Namespace>() && a.shared<Namespace>() == b.shared<Namespace>();
}

std::optional<int> order(const Value& a, const Value& b) {
  if (a.integer() && b.integer()) return sign_of(*a.integer(), *b.integer());
  if (a.number() && b.number()) return sign_of(*a.number(), *b.number());
  // UTF-8 sorts as its code points do.
  if (a.is_text() && b.is_text()) return sign_of(a.text()->bytes(), b.text()->bytes());
  const Sequence *x = a.sequence(), *y = b.sequence();
  if (!x || !y || x->kind != y->kind || x->kind > Sequence::Kind::tuple) return std::nullopt;
  for (std::size_t i = 0; i < std::min(x->items.size(), y->items.size()); ++i)
    if (!equal(x->items[i], y->items[i])) return order(x->items[i], y->items[i]);
  return sign_of(x->items.size(), y->items.size());
}

Size size_of(const Value& value) {
  if (const Sequence* sequence = value.sequence()) return sequence->size;
  if (const Mapping* mapping = value.mapping()) return mapping->container_size();
  if (const Function* function = value.shared<const Function>(); function && function->self) {
    Size size;
    size.add(*function->self);
    return size;
  }
  const bool changes =
      value.shared<Namespace>() || value.shared<const Loop>() || value.shared<const Macro>();
  return {.levels = 0, .values = 1, .has_namespace = changes};
}

void Size::add(const Value& value) {
  const Size other = size_of(value);
  levels = std::max(levels, 1 + other.levels);
  values += other.values;
  has_namespace |= other.has_namespace;
  check_levels(levels);
  if (values > kValues)
    throw Error(
        ErrorCode::unsupported,
        fmt::format("[chat] a list or an object with more than {} values: give smaller ones",
                    kValues));
}

Value make_sequence(std::vector<Value> items, Sequence::Kind kind) {
  auto sequence = std::make_shared<Sequence>();
  sequence->kind = kind;
  for (const Value& item : items) sequence->size.add(item);
  sequence->items = std::move(items);
  return Value(std::move(sequence));
}

std::optional<std::vector<Value>> items_of(const Value& value) {
  if (value.is_undefined()) return std::vector<Value>();
  if (const MarkedText* text = value.text()) return characters_of(*text);
  if (const Mapping* mapping = value.mapping()) {
    std::vector<Value> keys;
    for (const auto& [key, item] : mapping->entries()) keys.push_back(key);
    return keys;
  }
  Sequence* sequence = value.shared<Sequence>();
  if (!sequence) return std::nullopt;
  if (sequence->kind != Sequence::Kind::iterator) return sequence->items;
  const auto begin = sequence->items.begin() + static_cast<std::ptrdiff_t>(sequence->next);
  std::vector<Value> rest(begin, sequence->items.end());
  sequence->next = sequence->items.size();
  return rest;
}

std::optional<std::size_t> length_of(const Value& value) {
  if (value.is_undefined()) return 0;
  if (const MarkedText* text = value.text()) return count_characters(text->bytes());
  if (const Mapping* mapping = value.mapping()) return mapping->size();
  const Sequence* sequence = value.sequence();
  if (!sequence || sequence->kind == Sequence::Kind::iterator) return std::nullopt;
  return sequence->items.size();
}

}  // namespace stemma::chat::jinja

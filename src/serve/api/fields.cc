#include "serve/api/fields.h"

#include <cmath>

#include <fmt/format.h>

#include "base/suggest.h"
#include "serve/api/api_error.h"

namespace stemma::serve {
namespace {

// A value for a message, not longer than a line.
std::string shown(const Json& value) {
  std::string text = value.dump();
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

[[noreturn]] void refuse(const std::string& name, const std::string& wanted, const Json& got) {
  throw ApiError(400, fmt::format("'{}' must be {}, got {}", name, wanted, shown(got)), name);
}

}  // namespace

Fields::Fields(const Json& object, std::string path) : object_(object), path_(std::move(path)) {
  if (!object.is_object())
    throw ApiError(400,
                   fmt::format("{} must be a JSON object, got {}",
                               path_.empty() ? "the body" : "'" + path_ + "'", shown(object)),
                   path_);
  if (!path_.empty()) path_ += '.';
}

const Json* Fields::take(std::string_view name) {
  known_.emplace(name);
  const Json* value = object_.find(name);
  return value && !value->is_null() ? value : nullptr;
}

const Json& Fields::required(std::string_view name) {
  const Json* value = take(name);
  if (!value)
    throw ApiError(400, fmt::format("'{}' is missing", path_of(name)), path_of(name),
                   "missing_required_parameter");
  return *value;
}

std::optional<bool> Fields::boolean(std::string_view name) {
  const Json* value = take(name);
  if (!value) return std::nullopt;
  if (!value->is_bool()) refuse(path_of(name), "true or false", *value);
  return value->as_bool();
}

std::optional<std::int64_t> Fields::integer(std::string_view name, std::int64_t least,
                                            std::int64_t most) {
  const Json* value = take(name);
  if (!value) return std::nullopt;
  // Beyond 2^53 the numbers of JSON have gaps in most languages.
  constexpr std::int64_t kExact = 9'000'000'000'000'000;
  least = std::max(least, -kExact);
  most = std::min(most, kExact);
  const auto wanted = [&] { return fmt::format("an integer between {} and {}", least, most); };
  if (!value->is_number() || value->as_double() != std::floor(value->as_double()) ||
      std::abs(value->as_double()) > static_cast<double>(kExact))
    refuse(path_of(name), wanted(), *value);
  const std::int64_t number = value->as_int();
  if (number < least || number > most) refuse(path_of(name), wanted(), *value);
  return number;
}

std::optional<double> Fields::number(std::string_view name, double least, double most) {
  const Json* value = take(name);
  if (!value) return std::nullopt;
  if (!value->is_number() || !(value->as_double() >= least && value->as_double() <= most))
    refuse(path_of(name), fmt::format("a number between {} and {}", least, most), *value);
  return value->as_double();
}

std::optional<std::string> Fields::string(std::string_view name) {
  const Json* value = take(name);
  if (!value) return std::nullopt;
  if (!value->is_string()) refuse(path_of(name), "a string", *value);
  return value->as_string();
}

void Fields::unsupported(std::string_view name, const Json& harmless) {
  const Json* value = take(name);
  if (!value || (!harmless.is_null() && value->dump() == harmless.dump())) return;
  throw ApiError(400,
                 fmt::format("'{}' is not supported by this server: leave it out", path_of(name)),
                 path_of(name), "unsupported_parameter");
}

void Fields::finish() const {
  for (const auto& [name, value] : object_.as_object()) {
    if (known_.contains(name) || value.is_null()) continue;
    constexpr std::size_t kLongestField = 64;
    if (name.size() > kLongestField)
      throw ApiError(400,
                     fmt::format("unknown field '{}...'", path_of(name).substr(0, kLongestField)),
                     "", "unknown_parameter");
    const std::vector<std::string> names(known_.begin(), known_.end());
    throw ApiError(400,
                   fmt::format("unknown field '{}'{}", path_of(name), did_you_mean(name, names)),
                   path_of(name), "unknown_parameter");
  }
}

}  // namespace stemma::serve

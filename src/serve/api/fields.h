// The fields of a request's body: each is read once, by its name, with the values that it may have,
// and what nobody read is an error that names it. A field that is null counts as absent.
//
//   Fields fields(body);
//   options.temperature = fields.number("temperature", 0, 2).value_or(1);
//   if (const Json* stop = fields.take("stop")) ...
//   fields.finish();                       // 400 for a field that is not known
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/json.h"

namespace stemma::serve {

class Fields {
 public:
  // `object` must outlive this. path: what stands before the names in messages ("messages[0].").
  // Throws ApiError where it is no object.
  explicit Fields(const Json& object, std::string path = {});

  // Null where it is absent. All of them throw ApiError 400 naming the field.
  const Json* take(std::string_view name);
  const Json& required(std::string_view name);
  std::optional<bool> boolean(std::string_view name);
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
  std::optional<double> number(std::string_view name, double least, double most);
  std::optional<std::string> string(std::string_view name);

  // A field that the API has and that nothing here does: it may be absent, null or `harmless`.
  void unsupported(std::string_view name, const Json& harmless = {});

  // Throws for fields that nobody asked for and that are not null.
  void finish() const;
  std::string path_of(std::string_view name) const { return path_ + std::string(name); }

 private:
  const Json& object_;
  std::string path_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace stemma::serve

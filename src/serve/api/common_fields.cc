#include "serve/api/common_fields.h"

#include <fmt/format.h>

#include "serve/api/api_error.h"

namespace stemma::serve {
namespace {

std::vector<std::int32_t> ids_of(const Json& list, const std::string& name, std::int64_t vocab) {
  std::vector<std::int32_t> ids;
  for (const Json& id : list.as_array()) {
    if (!id.is_int() || id.as_int() < 0 || id.as_int() >= vocab)
      throw ApiError(400,
                     fmt::format("'{}' has {:.40}, which is no token of the model's {}", name,
                                 id.dump(), vocab),
                     name);
    ids.push_back(static_cast<std::int32_t>(id.as_int()));
  }
  return ids;
}

}  // namespace

std::vector<std::vector<std::int32_t>> read_texts(
    Fields& fields, std::string_view name, std::size_t most, std::int64_t vocab,
    const std::function<std::vector<std::int32_t>(const std::string&)>& encode) {
  const Json& value = fields.required(name);
  const std::string path = fields.path_of(name);
  if (value.is_string()) return {encode(value.as_string())};
  if (!value.is_array() || value.as_array().empty())
    throw ApiError(400,
                   fmt::format("'{}' must be a text, a list of texts, or lists of token ids", path),
                   path);
  const Json::Array& items = value.as_array();
  if (items.front().is_int()) return {ids_of(value, path, vocab)};
  if (items.size() > most)
    throw ApiError(
        400, fmt::format("'{}' has {} texts, at most {} are possible", path, items.size(), most),
        path);
  std::vector<std::vector<std::int32_t>> texts;
  for (const Json& item : items) {
    if (!item.is_string() && !item.is_array())
      throw ApiError(400, fmt::format("'{}' must hold texts or lists of token ids", path), path);
    texts.push_back(item.is_string() ? encode(item.as_string()) : ids_of(item, path, vocab));
  }
  return texts;
}

Json parsed_body(const HttpRequest& request) {
  try {
    return Json::parse(request.body, "the body");
  } catch (const Error& error) {
    throw ApiError(400, error.what(), "", "invalid_json");
  }
}

AnswerOptions read_stream(Fields& fields) {
  AnswerOptions answer;
  answer.stream = fields.boolean("stream").value_or(false);
  if (const Json* stream = fields.take("stream_options")) {
    Fields more(*stream, "stream_options");
    answer.include_usage = more.boolean("include_usage").value_or(false);
    more.finish();
  }
  return answer;
}

}  // namespace stemma::serve

#include "serve/api/response_format.h"

#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "serve/api/api_error.h"

namespace stemma::serve {
namespace {

constexpr std::size_t kMostChoiceTexts = 1024;

// What is wrong with a grammar is the client's, and named after the field that it came with.
Constraint masks_of(ModelHost& host, const std::string& key, const std::string& path,
                    const EngineHost::MakeGrammar& make) {
  try {
    return host.masks(key, make);
  } catch (const Error& error) {
    throw ApiError(400, error.what(), path, "invalid_schema");
  }
}

Constraint of_schema(const Json& schema, const std::string& path, ModelHost& host) {
  return masks_of(host, "schema " + schema.dump(), path,
                  [&] { return grammar::schema_grammar(schema); });
}

Constraint of_choice(const Json& list, const std::string& path, ModelHost& host) {
  std::vector<std::string> texts;
  if (list.is_array())
    for (const Json& text : list.as_array())
      if (text.is_string()) texts.push_back(text.as_string());
  if (texts.empty() || texts.size() != list.as_array().size() || texts.size() > kMostChoiceTexts)
    throw ApiError(400, fmt::format("'{}' must be a list of 1 to {} texts", path, kMostChoiceTexts),
                   path);
  return masks_of(host, "choice " + list.dump(), path,
                  [&] { return grammar::choice_grammar(texts); });
}

}  // namespace

Constraint read_format(const Json& format, const std::string& path, FormatForm form,
                       ModelHost& host) {
  Fields fields(format, path);
  const std::string type = fields.string("type").value_or("");
  const auto read_schema = [&](Fields& of) {
    of.string("name");
    of.string("description");
    of.boolean("strict");
    const Json& schema = of.required("schema");
    of.finish();
    return of_schema(schema, of.path_of("schema"), host);
  };
  if (type == "json_schema" && form == FormatForm::flat) return read_schema(fields);
  const Json* described = fields.take("json_schema");
  fields.finish();
  if (type == "text") return nullptr;
  if (type == "json_object")
    return masks_of(host, "json", path, [] { return grammar::json_grammar(); });
  if (type != "json_schema")
    throw ApiError(
        400, fmt::format("'{}' must be text, json_object or json_schema", fields.path_of("type")),
        fields.path_of("type"));
  if (!described) fields.required("json_schema");
  Fields schema(*described, fields.path_of("json_schema"));
  return read_schema(schema);
}

bool asks_for_form(const Json& body) {
  if (!body.is_object()) return false;
  for (const char* name :
       {"response_format", "guided_json", "guided_regex", "guided_choice", "tools"})
    if (body.find(name)) return true;
  // Of /v1/responses; /tokenize has a text there.
  const Json* text = body.find("text");
  return text && text->is_object();
}

Constraint read_constraint(Fields& fields, ModelHost& host) {
  Constraint constraint;
  std::string from;
  const auto take = [&](const char* name, const auto& make) {
    const Json* value = fields.take(name);
    if (!value) return;
    if (!from.empty())
      throw ApiError(400, fmt::format("'{}' and '{}' cannot both be held to", from, name), name);
    constraint = make(*value);
    if (constraint) from = name;
  };
  take("response_format",
       [&](const Json& v) { return read_format(v, "response_format", FormatForm::nested, host); });
  take("guided_json", [&](const Json& v) { return of_schema(v, "guided_json", host); });
  take("guided_choice", [&](const Json& v) { return of_choice(v, "guided_choice", host); });
  take("guided_regex", [&](const Json& v) {
    if (!v.is_string()) throw ApiError(400, "'guided_regex' must be a text", "guided_regex");
    return masks_of(host, "regex " + v.as_string(), "guided_regex",
                    [&] { return grammar::regex_grammar(v.as_string()); });
  });
  return constraint;
}

}  // namespace stemma::serve

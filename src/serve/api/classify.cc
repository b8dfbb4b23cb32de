#include "serve/api/classify.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "data/labelled/words.h"
#include "serve/api/api_error.h"
#include "tasks/prediction_json.h"

namespace stemma::serve {
namespace {

constexpr std::size_t kMostRows = 2048, kMostCandidates = 256;

std::vector<std::string> texts_of(const Json& value, const std::string& path, std::size_t most) {
  if (!value.is_array() || value.as_array().empty() || value.as_array().size() > most)
    throw ApiError(400, fmt::format("'{}' must be a list of 1 to {} texts", path, most), path);
  std::vector<std::string> texts;
  for (const Json& text : value.as_array()) {
    if (!text.is_string())
      throw ApiError(400, fmt::format("'{}' must be a list of texts", path), path);
    texts.push_back(text.as_string());
  }
  return texts;
}

void read_words(const Json& value, const std::string& path, labelled::Row& row) {
  try {
    labelled::join_words(texts_of(value, path, kMostRows), row.text, row.words, path);
  } catch (const ApiError&) {
    throw;
  } catch (const std::exception& error) {
    throw ApiError(400, error.what(), path);
  }
}

void require_some(const std::string& text, const std::string& path) {
  if (text.find_first_not_of(" \t\r\n") == std::string::npos)
    throw ApiError(400, fmt::format("'{}' must not be empty", path), path);
}

labelled::Row read_row(const Json& value, const std::string& path, labelled::Wanted wanted) {
  using labelled::Wanted;
  labelled::Row row;
  if (value.is_string() && (wanted == Wanted::text || wanted == Wanted::words)) {
    row.text = value.as_string();
    require_some(row.text, path);
  } else {
    if (!value.is_object())
      throw ApiError(400,
                     fmt::format("'{}' must be an object with 'text'{}", path,
                                 wanted == Wanted::pair     ? " and 'second'"
                                 : wanted == Wanted::choice ? " and 'choices'"
                                                            : ""),
                     path);
    Fields fields(value, path);
    const Json* words = wanted == Wanted::words ? fields.take("words") : nullptr;
    if (words) {
      read_words(*words, fields.path_of("words"), row);
    } else {
      fields.required("text");
      row.text = fields.string("text").value_or("");
      require_some(row.text, fields.path_of("text"));
    }
    if (wanted == Wanted::pair) {
      fields.required("second");
      row.second = fields.string("second").value_or("");
      require_some(row.second, fields.path_of("second"));
    }
    if (wanted == Wanted::choice)
      row.choices =
          texts_of(fields.required("choices"), fields.path_of("choices"), kMostCandidates);
    fields.finish();
  }
  if (wanted == Wanted::words && row.words.empty()) row.words = labelled::split_words(row.text);
  return row;
}

std::vector<labelled::Row> read_rows(const Json& input, const TaskHost& host) {
  const labelled::Wanted wanted = host.wanted();
  std::vector<labelled::Row> rows;
  if (!input.is_array()) {
    rows.push_back(read_row(input, "input", wanted));
    return rows;
  }
  const Json::Array& list = input.as_array();
  if (list.empty() || list.size() > kMostRows)
    throw ApiError(400, fmt::format("'input' must have 1 to {} rows", kMostRows), "input");
  for (std::size_t i = 0; i < list.size(); ++i)
    rows.push_back(read_row(list[i], fmt::format("input[{}]", i), wanted));
  return rows;
}

Json answer_of(const TaskHost& host, const std::vector<TaskHost::Answer>& answers) {
  Json data = Json::array();
  std::int64_t tokens = 0;
  for (const auto& [row, example, prediction] : answers) {
    Json one = Json::object({{"index", std::ssize(data.as_array())}});
    const Json answer = tasks::to_json(host.task(), row, prediction);
    for (const auto& [name, value] : answer.as_object()) one.set(name, value);
    if (example.cut_tokens > 0) one.set("cut_tokens", example.cut_tokens);
    tokens += example.tokens;
    data.push_back(std::move(one));
  }
  return Json::object(
      {{"object", "list"},
       {"model", host.id()},
       {"task", tasks::to_string(host.task().kind)},
       {"data", std::move(data)},
       {"usage", Json::object({{"prompt_tokens", tokens}, {"total_tokens", tokens}})}});
}

}  // namespace

void classify_rows(const std::shared_ptr<Exchange>& exchange, std::shared_ptr<TaskHost> host,
                   Fields& fields) {
  std::vector<labelled::Row> rows = read_rows(fields.required("input"), *host);
  fields.string("user");
  fields.finish();
  TaskHost* const on = host.get();
  const bool taken = on->submit(
      std::move(rows), exchange->gone(),
      [exchange, host = std::move(host)](const std::vector<TaskHost::Answer>& answers,
                                         const std::exception_ptr& error) {
        if (exchange->gone().requested()) return exchange->end();
        exchange->respond(error ? error_response(error)
                                : HttpResponse{.body = answer_of(*host, answers).dump()});
      });
  if (!taken)
    throw ApiError(503, "too many rows are waiting: try again later", "", "server_overloaded");
}

}  // namespace stemma::serve

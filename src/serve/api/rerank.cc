#include "serve/api/rerank.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "serve/api/api_error.h"

namespace stemma::serve {
namespace {

constexpr std::size_t kMostDocuments = 1000;

struct RerankRequest {
  std::string model, query;
  std::vector<std::string> documents;
  std::size_t top = 0;
  bool return_documents = true;
};

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double product = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = a[i], y = b[i];
    product += x * y;
    aa += x * x;
    bb += y * y;
  }
  return product / std::max(std::sqrt(aa * bb), 1e-12);
}

std::string document_of(const Json& value, const std::string& path) {
  if (value.is_string()) return value.as_string();
  Fields fields(value, path);
  fields.required("text");
  std::string text = fields.string("text").value_or("");
  fields.finish();
  return text;
}

RerankRequest read_request(Fields& fields, const std::string& model) {
  RerankRequest r;
  r.model = model;
  fields.required("query");
  r.query = fields.string("query").value_or("");
  const Json& list = fields.required("documents");
  if (!list.is_array() || list.as_array().empty() || list.as_array().size() > kMostDocuments)
    throw ApiError(400, fmt::format("'documents' must be a list of 1 to {} texts", kMostDocuments),
                   "documents");
  for (std::size_t i = 0; i < list.as_array().size(); ++i)
    r.documents.push_back(document_of(list.as_array()[i], fmt::format("documents[{}]", i)));
  const auto count = std::ssize(r.documents);
  r.top = static_cast<std::size_t>(fields.integer("top_n", 1, INT32_MAX).value_or(count));
  r.top = std::min(r.top, r.documents.size());
  r.return_documents = fields.boolean("return_documents").value_or(true);
  fields.string("user");
  fields.finish();
  return r;
}

// The position of the score of a pair among the outputs.
std::size_t score_place(const tasks::TaskDescription& task) {
  if (task.problem == tasks::kRegression) return 0;
  const std::int64_t entailment = task.label_index("entailment");
  if (entailment >= 0) return static_cast<std::size_t>(entailment);
  if (task.problem == tasks::kSingleLabel && task.labels.size() == 2) return 1;
  throw ApiError(400,
                 fmt::format("the model knows {} labels, and none of them says how well a document "
                             "fits: use a model with a number, two labels, or 'entailment'",
                             task.labels.size()),
                 "model");
}

Json answer_of(const RerankRequest& r, const std::vector<double>& scores, std::int64_t tokens) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](auto a, auto b) { return scores[a] > scores[b]; });
  order.resize(r.top);
  Json results = Json::array();
  for (const std::size_t i : order) {
    Json result =
        Json::object({{"index", static_cast<std::int64_t>(i)}, {"relevance_score", scores[i]}});
    if (r.return_documents) result.set("document", Json::object({{"text", r.documents[i]}}));
    results.push_back(std::move(result));
  }
  return Json::object(
      {{"id", drawn_id("rerank-")},
       {"model", r.model},
       {"results", std::move(results)},
       {"usage", Json::object({{"prompt_tokens", tokens}, {"total_tokens", tokens}})}});
}

bool rerank_pairs(const std::shared_ptr<Exchange>& exchange, const std::shared_ptr<TaskHost>& host,
                  RerankRequest r) {
  if (host->wanted() != labelled::Wanted::pair)
    throw ApiError(400, fmt::format("the model '{}' does not read pairs of texts", host->id()),
                   "model");
  const std::size_t place = score_place(host->task());
  std::vector<labelled::Row> rows(r.documents.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].text = r.query;
    rows[i].second = r.documents[i];
  }
  return host->submit(
      std::move(rows), exchange->gone(),
      [=, r = std::move(r)](const std::vector<TaskHost::Answer>& answers,
                            const std::exception_ptr& error) {
        if (exchange->gone().requested()) return exchange->end();
        if (error) return exchange->respond(error_response(error));
        std::vector<double> scores;
        std::int64_t tokens = 0;
        for (const auto& [row, example, p] : answers) {
          scores.push_back(p.probabilities.empty() ? p.score : p.probabilities[place]);
          tokens += example.tokens;
        }
        exchange->respond({.body = answer_of(r, scores, tokens).dump()});
      });
}

bool rerank_vectors(const std::shared_ptr<Exchange>& exchange,
                    const std::shared_ptr<ModelHost>& host, RerankRequest r) {
  std::vector<std::vector<std::int32_t>> ids(1 + r.documents.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    host->model().tokenizer().encode(i == 0 ? r.query : r.documents[i - 1], ids[i]);
    const std::string name = i == 0 ? "query" : fmt::format("documents[{}]", i - 1);
    if (ids[i].empty()) throw ApiError(400, fmt::format("'{}' must not be empty", name), name);
    if (std::ssize(ids[i]) > host->most_embedded_tokens())
      throw ApiError(400,
                     fmt::format("'{}' has {} tokens, and the model reads {}: cut it into parts",
                                 name, ids[i].size(), host->most_embedded_tokens()),
                     name, "context_length_exceeded");
  }
  return host->embed({std::move(ids), exchange->gone(),
                      [=, r = std::move(r)](const std::vector<infer::TextVector>& vectors,
                                            const std::exception_ptr& error) {
                        if (exchange->gone().requested()) return exchange->end();
                        if (error) return exchange->respond(error_response(error));
                        std::vector<double> scores;
                        std::int64_t tokens = vectors.front().tokens;
                        for (std::size_t i = 1; i < vectors.size(); ++i) {
                          tokens += vectors[i].tokens;
                          scores.push_back(cosine(vectors.front().values, vectors[i].values));
                        }
                        exchange->respond({.body = answer_of(r, scores, tokens).dump()});
                      }});
}

}  // namespace

void rerank_documents(const std::shared_ptr<Exchange>& exchange, const Served& served,
                      Fields& fields) {
  RerankRequest r = read_request(fields, served.id());
  const bool taken = served.task ? rerank_pairs(exchange, served.task, std::move(r))
                                 : rerank_vectors(exchange, served.model, std::move(r));
  if (!taken)
    throw ApiError(503, "too many requests are waiting: try again later", "", "server_overloaded");
}

}  // namespace stemma::serve

#include "serve/api/embeddings.h"

#include <bit>
#include <cmath>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "serve/api/api_error.h"
#include "serve/api/common_fields.h"

namespace stemma::serve {
namespace {

constexpr std::size_t kMostTexts = 2048;

struct EmbeddingForm {
  std::int64_t dimensions = 0;  // 0: all
  bool base64 = false;
};

// An empty text has no vector, and one that is too long would lose its end.
std::vector<std::vector<std::int32_t>> read_input(Fields& fields, const ModelHost& host) {
  const Tokenizer& tokenizer = host.model().tokenizer();
  auto texts = read_texts(fields, "input", kMostTexts, host.model().config().vocab,
                          [&](const std::string& text) {
                            std::vector<std::int32_t> ids;
                            tokenizer.encode(text, ids);
                            return ids;
                          });
  const std::int64_t most = host.most_embedded_tokens();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].empty())
      throw ApiError(400, fmt::format("'input' has an empty text (number {})", i + 1), "input");
    if (std::ssize(texts[i]) > most)
      throw ApiError(400,
                     fmt::format("'input' has a text of {} tokens (number {}), and the model reads "
                                 "{}: cut it into parts",
                                 texts[i].size(), i + 1, most),
                     "input", "context_length_exceeded");
  }
  return texts;
}

// The first `dimensions` of a vector, of length 1 again.
void shorten(std::vector<float>& values, std::int64_t dimensions) {
  values.resize(static_cast<std::size_t>(dimensions));
  double squares = 0;
  for (const float x : values) squares += static_cast<double>(x) * static_cast<double>(x);
  const double length = std::max(std::sqrt(squares), 1e-12);
  for (float& x : values) x = static_cast<float>(static_cast<double>(x) / length);
}

std::string base64_of(const std::vector<float>& values) {
  static_assert(std::endian::native == std::endian::little);
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto bytes = std::as_bytes(std::span(values));
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group =
          group << 8 | (i + j < bytes.size() ? std::to_integer<std::uint32_t>(bytes[i + j]) : 0);
    for (std::size_t j = 0; j < 4; ++j)
      out += i + j <= bytes.size() ? kDigits[group >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

Json answer_of(std::vector<infer::TextVector> vectors, const EmbeddingForm& form,
               const std::string& model) {
  Json data = Json::array();
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    std::vector<float>& values = vectors[i].values;
    if (form.dimensions > 0) shorten(values, form.dimensions);
    tokens += vectors[i].tokens;
    Json embedding;
    if (form.base64) {
      embedding = Json(base64_of(values));
    } else {
      embedding = Json::array();
      for (const float value : values) embedding.push_back(Json::of_float(value));
    }
    data.push_back(Json::object({{"object", "embedding"},
                                 {"index", static_cast<std::int64_t>(i)},
                                 {"embedding", std::move(embedding)}}));
  }
  return Json::object(
      {{"object", "list"},
       {"data", std::move(data)},
       {"model", model},
       {"usage", Json::object({{"prompt_tokens", tokens}, {"total_tokens", tokens}})}});
}

}  // namespace

void embed_texts(const std::shared_ptr<Exchange>& exchange, std::shared_ptr<ModelHost> host,
                 Fields& fields) {
  EmbeddingForm form;
  std::vector<EngineHost::Ids> ids = read_input(fields, *host);
  const std::int64_t channels = host->model().config().channels;
  form.dimensions = fields.integer("dimensions", 1, channels).value_or(0);
  const std::string format = fields.string("encoding_format").value_or("float");
  if (format != "float" && format != "base64")
    throw ApiError(400, "'encoding_format' must be float or base64", "encoding_format");
  form.base64 = format == "base64";
  fields.string("user");
  fields.finish();
  ModelHost* const on = host.get();
  const bool taken = on->embed(
      {std::move(ids), exchange->gone(),
       [exchange, form, host = std::move(host)](std::vector<infer::TextVector> vectors,
                                                const std::exception_ptr& error) {
         if (exchange->gone().requested()) return exchange->end();
         exchange->respond(
             error ? error_response(error)
                   : HttpResponse{.body = answer_of(std::move(vectors), form, host->id()).dump()});
       }});
  if (!taken)
    throw ApiError(503, "too many requests are waiting: try again later", "", "server_overloaded");
}

}  // namespace stemma::serve

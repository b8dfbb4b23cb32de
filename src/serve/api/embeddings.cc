#include "serve/api/embeddings.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "serve/api/api_error.h"

namespace stemma::serve {
namespace {

constexpr std::size_t kMostTexts = 2048;

struct EmbeddingRequest {
  std::vector<std::vector<std::int32_t>> ids;
  std::int64_t dimensions = 0;  // 0: all
  bool base64 = false;
};

std::vector<std::int32_t> text_ids(const ModelHost& host, const std::string& text) {
  std::vector<std::int32_t> ids;
  host.model().tokenizer().encode(text, ids);
  return ids;
}

std::vector<std::int32_t> given_ids(const Json& list, std::int64_t vocab) {
  std::vector<std::int32_t> ids;
  for (const Json& id : list.as_array()) {
    if (!id.is_int() || id.as_int() < 0 || id.as_int() >= vocab)
      throw ApiError(
          400, fmt::format("'input' has {}, which is no token of the model's {}", id.dump(), vocab),
          "input");
    ids.push_back(static_cast<std::int32_t>(id.as_int()));
  }
  return ids;
}

std::vector<std::vector<std::int32_t>> read_input(const Json& input, const ModelHost& host) {
  const std::int64_t vocab = host.model().config().vocab;
  std::vector<std::vector<std::int32_t>> all;
  if (input.is_string()) {
    all.push_back(text_ids(host, input.as_string()));
  } else if (input.is_array() && !input.as_array().empty() && input.as_array().front().is_int()) {
    all.push_back(given_ids(input, vocab));
  } else if (input.is_array() && !input.as_array().empty()) {
    if (input.as_array().size() > kMostTexts)
      throw ApiError(400,
                     fmt::format("'input' has {} texts, at most {} are possible",
                                 input.as_array().size(), kMostTexts),
                     "input");
    for (const Json& item : input.as_array()) {
      if (!item.is_string() && !item.is_array())
        throw ApiError(400, "'input' must hold texts or lists of token ids", "input");
      all.push_back(item.is_string() ? text_ids(host, item.as_string()) : given_ids(item, vocab));
    }
  } else {
    throw ApiError(400, "'input' must be a text, a list of texts, or lists of token ids", "input");
  }
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].empty())
      throw ApiError(400, fmt::format("'input' has an empty text (number {})", i + 1), "input");
  return all;
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

// The shortest number that reads back as the same f32.
double as_written(float value) {
  const std::string text = fmt::format("{}", value);
  double number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Json answer_of(std::vector<infer::TextVector> vectors, const EmbeddingRequest& request,
               const std::string& model) {
  Json data = Json::array();
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    std::vector<float>& values = vectors[i].values;
    if (request.dimensions > 0) shorten(values, request.dimensions);
    tokens += vectors[i].tokens;
    Json embedding;
    if (request.base64) {
      embedding = Json(base64_of(values));
    } else {
      embedding = Json::array();
      for (const float value : values) embedding.push_back(as_written(value));
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
  EmbeddingRequest request;
  request.ids = read_input(fields.required("input"), *host);
  const std::int64_t channels = host->model().config().channels;
  request.dimensions = fields.integer("dimensions", 1, channels).value_or(0);
  const std::string format = fields.string("encoding_format").value_or("float");
  if (format != "float" && format != "base64")
    throw ApiError(400, "'encoding_format' must be float or base64", "encoding_format");
  request.base64 = format == "base64";
  fields.string("user");
  fields.finish();
  ModelHost* const on = host.get();
  const auto work = [exchange, host = std::move(host), r = std::move(request)]() mutable {
    if (exchange->gone().requested()) return exchange->end();
    try {
      const Json answer = answer_of(host->embedder().embed_ids(std::move(r.ids)), r, host->id());
      exchange->respond({.body = answer.dump()});
    } catch (...) {
      exchange->respond(error_response(std::current_exception()));
    }
  };
  if (!on->run(work))
    throw ApiError(503, "too many requests are waiting: try again later", "", "server_overloaded");
}

}  // namespace stemma::serve

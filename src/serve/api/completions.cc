#include "serve/api/completions.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "infer/generator.h"
#include "serve/api/answer.h"
#include "serve/api/api_error.h"
#include "serve/api/common_fields.h"
#include "serve/api/response_format.h"
#include "serve/api/sampling.h"

namespace stemma::serve {
namespace {

constexpr std::int64_t kMostLogprobs = 20;
constexpr std::size_t kMostPrompts = 256;

struct CompletionSettings {
  bool echo = false;
  std::int64_t logprobs = -1;  // how many of the likeliest beside each token; -1: none at all
};

std::int64_t characters_of(std::string_view text) {
  return std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; });
}

class CompletionAnswer final : public Answer {
 public:
  CompletionAnswer(std::shared_ptr<Exchange> exchange, std::shared_ptr<ModelHost> host,
                   Metrics& metrics, AnswerOptions options, CompletionSettings settings)
      : Answer(std::move(exchange), std::move(host), metrics, options),
        settings_(settings),
        name_(drawn_id("cmpl-")) {}

 private:
  const Tokenizer& tokenizer() const { return host().model().tokenizer(); }

  Json frame(Json choices) const {
    return Json::object({{"id", name_},
                         {"object", "text_completion"},
                         {"created", created()},
                         {"model", host().id()},
                         {"choices", std::move(choices)}});
  }

  static Json choice_json(std::size_t choice, std::string_view text, Json logprobs, Json reason) {
    return Json::object({{"index", static_cast<std::int64_t>(choice)},
                         {"text", text},
                         {"logprobs", std::move(logprobs)},
                         {"finish_reason", std::move(reason)}});
  }

  std::string prompt_text(std::size_t choice) const { return tokenizer().decode(prompt(choice)); }

  // offset: of the first token's text in the prompt and its continuation, in characters; it is
  // moved to the end.
  Json logprobs_json(const Tokens& tokens, std::int64_t& offset) const {
    if (settings_.logprobs < 0) return {};
    Json texts = Json::array(), values = Json::array(), tops = Json::array(),
         offsets = Json::array();
    for (const infer::ScoredToken& token : tokens) {
      texts.push_back(token_text(tokenizer(), token.id));
      values.push_back(token.log_probability);  // of the first token of all: null
      Json top = token.top.empty() ? Json() : Json::object();
      for (const infer::TokenScore& other : token.top)
        top.set(token_text(tokenizer(), other.id), other.log_probability);
      tops.push_back(std::move(top));
      offsets.push_back(offset);
      if (tokenizer().has_token(token.id)) offset += characters_of(tokenizer().bytes_of(token.id));
    }
    return Json::object({{"tokens", std::move(texts)},
                         {"token_logprobs", std::move(values)},
                         {"top_logprobs", std::move(tops)},
                         {"text_offset", std::move(offsets)}});
  }

  Json whole(std::span<const infer::Generation> choices) override {
    Json list = Json::array();
    for (std::size_t i = 0; i < choices.size(); ++i) {
      const infer::Generation& g = choices[i];
      Tokens tokens;
      if (settings_.echo) tokens = g.prompt;
      for (std::size_t t = 0; settings_.logprobs >= 0 && t < g.ids.size(); ++t)
        tokens.push_back({{g.ids[t], g.log_probabilities[t]},
                          g.top.empty() ? std::vector<infer::TokenScore>() : g.top[t]});
      // As OpenAI has it: clients that score a text take the last token for the one behind it.
      if (settings_.logprobs >= 0 && g.end) tokens.push_back(*g.end);
      const std::string text = settings_.echo ? prompt_text(i) + g.text : g.text;
      std::int64_t offset = settings_.echo ? 0 : characters_of(prompt_text(i));
      list.push_back(choice_json(i, text, logprobs_json(tokens, offset), finish_word(g.finish)));
    }
    Json answer = frame(std::move(list));
    answer.set("usage", usage(choices));
    return answer;
  }

  Json chunk(Json choice) const { return frame(Json::array({std::move(choice)})); }
  Chunks first_chunks(std::size_t choice) override {
    if (!settings_.echo) return {};
    return {chunk(choice_json(choice, prompt_text(choice), {}, {}))};
  }
  Chunks text_chunks(std::size_t choice, std::string_view text, const Tokens& tokens) override {
    return {chunk(choice_json(choice, text, logprobs_json(tokens, offset_of(choice)), {}))};
  }
  Chunks last_chunks(std::size_t choice, const infer::Generation& g,
                     const Tokens& tokens) override {
    Tokens all = tokens;
    if (settings_.logprobs >= 0 && g.end) all.push_back(*g.end);
    return {
        chunk(choice_json(choice, "", all.empty() ? Json() : logprobs_json(all, offset_of(choice)),
                          finish_word(g.finish)))};
  }
  Json usage_chunk(const Json& usage) override {
    Json chunk = frame(Json::array());
    chunk.set("usage", usage);
    return chunk;
  }

  // Of the next token of a streamed choice.
  std::int64_t& offset_of(std::size_t choice) {
    while (offsets_.size() <= choice)
      offsets_.push_back(characters_of(prompt_text(offsets_.size())));
    return offsets_[choice];
  }

  CompletionSettings settings_;
  std::string name_;
  std::vector<std::int64_t> offsets_;
};

}  // namespace

void complete_text(const std::shared_ptr<Exchange>& exchange, std::shared_ptr<ModelHost> host,
                   Metrics& metrics, Fields& fields) {
  host->require_writing();
  const auto prompts =
      read_texts(fields, "prompt", kMostPrompts, host->model().config().vocab,
                 [&](const std::string& text) { return infer::prompt_ids(host->model(), text); });
  infer::GenerateOptions options = read_sampling(fields, *host);
  options.max_tokens = fields.integer("max_tokens", 0, INT32_MAX).value_or(16);
  const std::int64_t n = read_choices(fields);
  CompletionSettings settings;
  settings.echo = fields.boolean("echo").value_or(false);
  settings.logprobs = fields.integer("logprobs", 0, kMostLogprobs).value_or(-1);
  const AnswerOptions answer = read_stream(fields);
  options.constraint = read_constraint(fields, *host);
  fields.string("user");
  fields.unsupported("suffix");
  if (const auto best_of = fields.integer("best_of", 1, 128); best_of && *best_of != n)
    throw ApiError(400, "'best_of' must be absent or equal to 'n': no choices are thrown away",
                   "best_of");
  fields.finish();
  if (settings.echo && settings.logprobs >= 0 && answer.stream)
    throw ApiError(400, "'echo' with 'logprobs' is for answers that are not streamed", "echo");
  options.log_probabilities = settings.logprobs >= 0;
  options.top_tokens = std::max<std::int64_t>(settings.logprobs, 0);
  options.prompt_scores = settings.echo && settings.logprobs >= 0;
  std::vector<infer::Request> requests;
  for (const auto& prompt : prompts)
    for (std::int64_t i = 0; i < n; ++i) {
      requests.push_back({prompt, options, {}});
      requests.back().options.sampling.seed += static_cast<std::uint64_t>(i);
    }
  std::make_shared<CompletionAnswer>(exchange, std::move(host), metrics, answer, settings)
      ->start(std::move(requests));
}

}  // namespace stemma::serve

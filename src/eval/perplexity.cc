#include "eval/perplexity.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "infer/forward.h"

namespace stemma::eval {
namespace {

std::vector<std::int32_t> stream_of(const infer::LoadedModel& model, std::string_view text,
                                    const PerplexityOptions& options) {
  const auto first = options.context_token ? options.context_token : model.begin_of_text();
  if (!first)
    throw Error(
        ErrorCode::invalid_argument,
        "[perplexity] the tokenizer has no end-of-text token: name the token that stands before "
        "the text with --context-token");
  if (*first < 0 || *first >= model.config().vocab)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[perplexity] context token {} is outside the vocabulary of {}", *first,
                            model.config().vocab));
  std::vector<std::int32_t> stream{*first};
  model.tokenizer().encode(text, stream);
  if (stream.size() < 2)
    throw Error(ErrorCode::corrupt, "[perplexity] the text is empty: there is nothing to score");
  return stream;
}

}  // namespace

double Perplexity::perplexity() const { return std::exp(nll / static_cast<double>(tokens)); }

double Perplexity::bits_per_byte() const {
  return nll / std::log(2.0) / static_cast<double>(bytes);
}

Perplexity& Perplexity::operator+=(const Perplexity& other) {
  nll += other.nll;
  tokens += other.tokens;
  bytes += other.bytes;
  return *this;
}

Perplexity perplexity(const infer::LoadedModel& model, std::string_view text,
                      const PerplexityOptions& options) {
  model.require_next_token("perplexity");
  const std::vector<std::int32_t> stream = stream_of(model, text, options);
  const auto targets = static_cast<std::int64_t>(stream.size()) - 1;
  const std::int64_t window = options.window > 0 ? options.window : model.most_tokens();
  if (window > model.most_tokens())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[perplexity] window ({}) must be at most {}, the model's context",
                            window, model.most_tokens()));
  const std::int64_t stride = std::max<std::int64_t>(1, window / 2);
  Perplexity result;
  result.bytes = static_cast<std::int64_t>(text.size());
  infer::Forward forward(model);
  for (std::int64_t begin = 0; result.tokens < targets; begin += stride) {
    const std::int64_t end = std::min(begin + window, targets);
    const std::span all(stream);
    // Targets before this one were scored by earlier windows, with more context.
    const std::int64_t fresh = result.tokens - begin;
    const auto from = static_cast<std::size_t>(begin), to = static_cast<std::size_t>(end);
    const auto scored = static_cast<std::size_t>(result.tokens) + 1;
    for (const double loss : forward.token_losses(all.subspan(from, to - from), fresh,
                                                  all.subspan(scored, to + 1 - scored)))
      result.nll += loss;
    if (!std::isfinite(result.nll))
      throw Error(ErrorCode::corrupt,
                  "[perplexity] the model's scores are not finite: its weights are damaged");
    result.tokens = end;
    if (options.progress && !options.progress(result.tokens, targets)) break;
  }
  return result;
}

}  // namespace stemma::eval

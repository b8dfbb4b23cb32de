#include "cli/model/generate_options.h"

#include <random>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/log.h"
#include "infer/generation_defaults.h"

namespace stemma::cli {
namespace {

// "\\n" as people write it on a command line.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = text[i] == '\\' && i + 1 < text.size() ? text[i + 1] : '\0';
    const char meant = next == 'n' ? '\n' : next == 't' ? '\t' : next == '\\' ? '\\' : '\0';
    out += meant ? meant : text[i];
    i += meant ? 1 : 0;
  }
  return out;
}

std::string sampling_text(const infer::SamplingOptions& s) {
  std::string text = s.temperature > 0 ? fmt::format("temperature {:g}", s.temperature) : "greedy";
  if (s.temperature > 0) {
    if (s.top_k > 0) text += fmt::format(", top-k {}", s.top_k);
    if (s.top_p < 1) text += fmt::format(", top-p {:g}", s.top_p);
    if (s.min_p > 0) text += fmt::format(", min-p {:g}", s.min_p);
  }
  if (s.repetition_penalty != 1)
    text += fmt::format(", repetition penalty {:g}", s.repetition_penalty);
  if (s.frequency_penalty != 0)
    text += fmt::format(", frequency penalty {:g}", s.frequency_penalty);
  if (s.presence_penalty != 0) text += fmt::format(", presence penalty {:g}", s.presence_penalty);
  if (s.temperature > 0) text += fmt::format(", seed {}", s.seed);
  return text;
}

}  // namespace

void declare(WritingOptions& writing, OptionSet& options) {
  infer::GenerateOptions& g = writing.generate;
  infer::SamplingOptions& s = g.sampling;
  options.add({"max_tokens",
               "tokens to write at most; not given: as generation_config.json says, without it 128",
               "100",
               {"max_new_tokens", "n_predict", "n", "predict", "length", "max_length", "num_tokens",
                "tokens", "num_predict"}},
              g.max_tokens, {0, 1 << 24});
  options.add({"temperature",
               "0: the likeliest token each time; 1: as the model's probabilities say; not given: "
               "as generation_config.json says, without it 0",
               "0.8",
               {"temp", "t"}},
              s.temperature, {0, 100});
  options.add(
      {"top_k",
       "draw among the k likeliest tokens only; 0: all; not given: as generation_config.json says",
       "40"},
      s.top_k, {0, 1 << 24});
  options.add(
      {"top_p", "draw among the likeliest tokens with this much probability together", "0.95"},
      s.top_p, {1e-9, 1});
  options.add(
      {"min_p", "draw among tokens that are at least this likely beside the likeliest", "0.05"},
      s.min_p, {0, 1});
  options.add({"repetition_penalty",
               "above 1: tokens that are there already become less likely",
               "1.2",
               {"repeat_penalty", "rep_pen"}},
              s.repetition_penalty, {1e-3, 100});
  options.add(
      {"frequency_penalty",
       "taken off a token's score for each time that the text written so far has it", "0.3"},
      s.frequency_penalty, {-100, 100});
  options.add({"presence_penalty",
               "taken off the score of each token that the text written so far has", "0.3"},
              s.presence_penalty, {-100, 100});
  options.add({"seed", "the same seed gives the same text; negative: drawn, and printed", "7"},
              writing.seed, {-1, 1'000'000'000'000});
  options.add(
      {"stop",
       "end before this text; \\n, \\t and \\\\ are a line end, a tab and a backslash; may be "
       "given several times",
       "\"\\n\"",
       {"stop_sequence", "reverse_prompt", "r"}},
      g.stop);
  options.add({"unused_ids",
               "let the model write ids without a token, which pad its vocabulary and have no text",
               "true"},
              g.unused_ids);
  options.add({"ignore_eot", "go on when the model ends the text", "true", {"ignore_eos"}},
              g.ignore_end_of_text);
  options.add(
      {"ignore_generation_config",
       "leave out of account how the model's generation_config.json wants it sampled", "true"},
      writing.ignore_generation_config);
}

void settle(WritingOptions& writing) {
  infer::GenerateOptions& g = writing.generate;
  g.sampling.validate();
  for (std::string& stop : g.stop) stop = unescaped(stop);
  g.sampling.seed = writing.seed >= 0 ? static_cast<std::uint64_t>(writing.seed)
                                      : std::uint64_t{std::random_device()()};
}

void take_defaults(WritingOptions& writing, const OptionSet& options,
                   const infer::LoadedModel& model) {
  infer::GenerateOptions& g = writing.generate;
  std::string taken;
  const auto take = [&](const char* key, auto& value, const auto& other) {
    if (options.source(key) != OptionSource::default_value || value == other) return;
    value = other;
    taken += fmt::format("{}{}", taken.empty() ? "" : ", ", key);
  };
  writing.within_max_length = !writing.ignore_generation_config &&
                              options.source("max_tokens") == OptionSource::default_value;
  if (!writing.ignore_generation_config) {
    const infer::GenerateOptions defaults = infer::generation_defaults(model);
    const infer::SamplingOptions& s = defaults.sampling;
    take("max_tokens", g.max_tokens, defaults.max_tokens);
    take("temperature", g.sampling.temperature, s.temperature);
    take("top_k", g.sampling.top_k, s.top_k);
    take("top_p", g.sampling.top_p, s.top_p);
    take("min_p", g.sampling.min_p, s.min_p);
    take("repetition_penalty", g.sampling.repetition_penalty, s.repetition_penalty);
    take("stop", g.stop, defaults.stop);
  }
  if (writing.within_max_length && model.generation().max_length)
    taken += fmt::format("{}max_length", taken.empty() ? "" : ", ");
  if (g.sampling.temperature > 0 || !taken.empty())
    log_info(fmt::format("sampling: {}{}{}", sampling_text(g.sampling),
                         taken.empty() ? "" : "; the model's generation settings gave ", taken));
  if (g.sampling.temperature == 0)
    for (const char* key : {"top_k", "top_p", "min_p", "seed"})
      if (options.source(key) != OptionSource::default_value)
        log_warning(
            fmt::format("[generate] {} has no effect without --temperature: the likeliest "
                        "token is taken each time",
                        flag_of_key(key)));
}

void describe(const infer::SamplingOptions& s, Json& into) {
  into.set("temperature", s.temperature);
  into.set("top_k", s.top_k);
  into.set("top_p", s.top_p);
  into.set("min_p", s.min_p);
  into.set("repetition_penalty", s.repetition_penalty);
  into.set("frequency_penalty", s.frequency_penalty);
  into.set("presence_penalty", s.presence_penalty);
  into.set("seed", s.temperature > 0 ? Json(s.seed) : Json());
}

}  // namespace stemma::cli

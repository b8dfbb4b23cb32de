#include "cli/chat/chat_flags.h"

#include <initializer_list>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::cli {

serve::TalkOptions ChatFlags::talk_options() const {
  serve::TalkOptions talk;
  if (temperature >= 0) talk.temperature = temperature;
  if (top_p >= 0) talk.top_p = top_p;
  if (min_p >= 0) talk.min_p = min_p;
  if (top_k >= 0) talk.top_k = top_k;
  if (max_tokens >= 0) talk.max_tokens = max_tokens;
  if (seed >= 0) talk.seed = seed;
  return talk;
}

void check_flags(const ChatFlags& flags, const OptionSet& options) {
  const auto refuse = [&](std::initializer_list<const char*> keys, const char* why) {
    for (const char* key : keys)
      if (options.source(key) != OptionSource::default_value)
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("[chat] {} {}: leave it out", flag_of_key(key), why));
  };
  if (flags.url.empty()) return refuse({"key_file"}, "is for a server, which --url names");
  refuse({"adapter", "tokenizer", "precision", "weights", "cache_type", "threads", "chat_template",
          "draft_tokens"},
         "is for a model in this process, and --url asks a server");
}

void declare(ChatFlags& flags, OptionSet& options) {
  declare(flags.model, options);
  declare_cache_type(flags.model.cache_type, options);
  options.add({"url",
               "a server of OpenAI's API, to its /v1, instead of a model here; --model then "
               "names one of its models",
               "http://127.0.0.1:8080/v1",
               {"api_base", "base_url", "host"}},
              flags.url);
  options.add_path({"key_file", "with --url: a file that begins with the key", "key.txt"},
                   flags.key_file);
  options.add(
      {"system", "a system message", "\"Be brief.\"", {"sys", "system_prompt", "system_message"}},
      flags.system);
  options.add(
      {"chat_template", "chatml, plain or a file with a Jinja template, instead of the model's own",
       "plain"},
      flags.chat_template);
  options.add({"temperature",
               "0: the likeliest words each time; negative: as the model's makers want it",
               "0.7",
               {"temp", "t"}},
              flags.temperature, {-1, 100});
  options.add({"top_p",
               "draw among the likeliest tokens with this much probability together; "
               "negative: as the model's makers want it",
               "0.95"},
              flags.top_p, {-1, 1});
  options.add({"top_k", "draw among the k likeliest tokens; negative: as the makers want it", "40"},
              flags.top_k, {-1, 1 << 24});
  options.add({"min_p",
               "draw among tokens at least this likely beside the likeliest; negative: "
               "as the makers want it",
               "0.05"},
              flags.min_p, {-1, 1});
  options.add({"max_tokens",
               "tokens of an answer; negative: to the end of the context",
               "200",
               {"max_new_tokens", "n_predict", "n"}},
              flags.max_tokens, {-1, 1 << 24});
  options.add({"seed", "of the first answer; negative: drawn", "7"}, flags.seed,
              {-1, 1'000'000'000'000});
  options.add(
      {"draft_tokens",
       "guess up to so many tokens ahead where the text repeats itself; 0: do not guess", "6"},
      flags.drafted, {0, 64});
  options.add({"quiet", "no greeting and no figures", "true"}, flags.quiet);
}

}  // namespace stemma::cli

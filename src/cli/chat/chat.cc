// A conversation in the terminal.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/chat/line_input.h"
#include "cli/commands.h"
#include "cli/model/draft_flags.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "serve/terminal/chat_session.h"

namespace stemma::cli {
namespace {

struct ChatFlags {
  ModelFlags model;
  std::string url, system, chat_template, key_file;
  serve::TalkOptions talk;
  double temperature = -1, top_p = -1, min_p = -1;
  std::int64_t top_k = -1, max_tokens = -1, seed = -1, drafted = 0;
  bool quiet = false;
};

std::string key_of(const ChatFlags& o) {
  if (!o.key_file.empty()) {
    std::string text = read_file(o.key_file, 1 << 16);
    text.resize(std::min(text.find_first_of(" \r\n"), text.size()));
    return text;
  }
  const char* key = std::getenv("OPENAI_API_KEY");
  return key ? key : "";
}

std::unique_ptr<serve::Talker> talker_of(const ChatFlags& o) {
  if (!o.url.empty())
    return std::make_unique<serve::RemoteTalker>(serve::Endpoint::of_url(o.url), key_of(o),
                                                 o.model.model);
  if (o.model.model.empty())
    throw Error(ErrorCode::invalid_argument,
                "[chat] give a model with --model, or a server with --url");
  return std::make_unique<serve::LocalTalker>(o.model.options(), o.chat_template, o.drafted);
}

serve::TalkOptions talk_options(const ChatFlags& o) {
  serve::TalkOptions talk;
  if (o.temperature >= 0) talk.temperature = o.temperature;
  if (o.top_p >= 0) talk.top_p = o.top_p;
  if (o.min_p >= 0) talk.min_p = o.min_p;
  if (o.top_k >= 0) talk.top_k = o.top_k;
  if (o.max_tokens >= 0) talk.max_tokens = o.max_tokens;
  if (o.seed >= 0) talk.seed = o.seed;
  return talk;
}

// An option that would do nothing is an error.
void check_flags(const ChatFlags& o, const OptionSet& options) {
  const auto refuse = [&](std::initializer_list<const char*> keys, const char* why) {
    for (const char* key : keys)
      if (options.source(key) != OptionSource::default_value)
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("[chat] {} {}: leave it out", flag_of_key(key), why));
  };
  if (o.url.empty()) return refuse({"key_file"}, "is for a server, which --url names");
  refuse({"adapter", "tokenizer", "precision", "weights", "cache_type", "threads", "chat_template",
          "draft_tokens"},
         "is for a model in this process, and --url asks a server");
}

int run_chat(const ChatFlags& o, const OptionSet& options) {
  check_flags(o, options);
  const std::unique_ptr<serve::Talker> talker = talker_of(o);
  LineInput input("> ", chat_history_file());
  const bool dim = input.is_terminal() && ::isatty(STDERR_FILENO);
  bool readers = true;
  serve::Screen screen;
  screen.print = [&](std::string_view text) { return readers = print(text); };
  screen.note = [dim](const std::string& text) {
    log_info(dim ? "\033[2m" + text + "\033[0m" : text);
  };
  screen.interrupt = process_interrupt();
  screen.forget_interrupt = [&] {
    // Ctrl-C ends an answer; SIGTERM ends the program, and so does Ctrl-C where nobody types.
    if (input.is_terminal() && process_interrupt().signal() == SIGINT) forget_interrupt();
  };
  screen.shows_speed = !o.quiet && input.is_terminal();
  serve::ChatSession session(*talker, talk_options(o), o.system, screen);
  if (input.is_terminal() && !o.quiet)
    screen.note(talker->model() + "; /help lists commands, Ctrl-D ends");
  bool failed = false;
  while (readers && !process_interrupt().requested()) {
    const auto text = input.read();
    if (!text || !session.take(*text)) break;
    failed |= session.failed();
    screen.forget_interrupt();
  }
  if (input.is_terminal()) print("\n");
  // A script is told that a message was not answered.
  if (failed && !input.is_terminal()) return kCheckFailed;
  return interrupted_or_done();
}

}  // namespace

void add_chat(Program& program) {
  auto o = std::make_shared<ChatFlags>();
  Command& c = program.add("chat", "talk with a model in the terminal");
  c.about =
      "A conversation with a model in this process, or with a server of OpenAI's API (--url; the "
      "key from --key-file or the environment variable OPENAI_API_KEY). Lines are messages, and "
      "lines that begin with / are commands: /help lists them. Ctrl-C ends an answer, Ctrl-D the "
      "conversation. Lines from a pipe are messages too: answers go to standard output, everything "
      "else to standard error, and the exit code is 1 where a message could not be answered.";
  c.examples = {"stemma chat --model models/smollm2",
                "stemma chat --model models/smollm2 --system \"Be brief.\" --temperature 0.7",
                "stemma chat --url http://127.0.0.1:8080/v1",
                "echo 'What is a stemma?' | stemma chat --model models/smollm2"};
  declare(o->model, c.options);
  declare_cache_type(o->model.cache_type, c.options);
  c.options.add({"url",
                 "a server of OpenAI's API, to its /v1, instead of a model here; --model then "
                 "names one of its models",
                 "http://127.0.0.1:8080/v1",
                 {"api_base", "base_url", "host"}},
                o->url);
  c.options.add_path({"key_file", "with --url: a file that begins with the key", "key.txt"},
                     o->key_file);
  c.options.add(
      {"system", "a system message", "\"Be brief.\"", {"sys", "system_prompt", "system_message"}},
      o->system);
  c.options.add(
      {"chat_template", "chatml, plain or a file with a Jinja template, instead of the model's own",
       "plain"},
      o->chat_template);
  c.options.add({"temperature",
                 "0: the likeliest words each time; negative: as the model's makers want it",
                 "0.7",
                 {"temp", "t"}},
                o->temperature, {-1, 100});
  c.options.add({"top_p",
                 "draw among the likeliest tokens with this much probability together; "
                 "negative: as the model's makers want it",
                 "0.95"},
                o->top_p, {-1, 1});
  c.options.add(
      {"top_k", "draw among the k likeliest tokens; negative: as the makers want it", "40"},
      o->top_k, {-1, 1 << 24});
  c.options.add({"min_p",
                 "draw among tokens at least this likely beside the likeliest; negative: "
                 "as the makers want it",
                 "0.05"},
                o->min_p, {-1, 1});
  c.options.add({"max_tokens",
                 "tokens of an answer; negative: to the end of the context",
                 "200",
                 {"max_new_tokens", "n_predict", "n"}},
                o->max_tokens, {-1, 1 << 24});
  c.options.add({"seed", "of the first answer; negative: drawn", "7"}, o->seed,
                {-1, 1'000'000'000'000});
  c.options.add(
      {"draft_tokens",
       "guess up to so many tokens ahead where the text repeats itself; 0: do not guess", "6"},
      o->drafted, {0, 64});
  c.options.add({"quiet", "no greeting and no figures", "true"}, o->quiet);
  c.run = [o, &c] { return run_chat(*o, c.options); };
}

}  // namespace stemma::cli

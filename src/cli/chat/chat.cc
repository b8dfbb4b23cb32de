// A conversation in the terminal.
#include <csignal>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/chat/chat_flags.h"
#include "cli/chat/line_input.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/serve/api_key.h"
#include "cli/signals.h"
#include "serve/terminal/chat_session.h"

namespace stemma::cli {
namespace {

std::unique_ptr<serve::Talker> talker_of(const ChatFlags& o) {
  if (!o.url.empty())
    return std::make_unique<serve::RemoteTalker>(serve::Endpoint::of_url(o.url),
                                                 api_key(o.key_file), o.model.model);
  if (o.model.model.empty())
    throw Error(ErrorCode::invalid_argument,
                "[chat] give a model with --model, or a server with --url");
  return std::make_unique<serve::LocalTalker>(o.model.options(), o.chat_template, o.drafted);
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
  serve::ChatSession session(*talker, o.talk_options(), o.system, screen);
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
      "lines that begin with / are commands: /help lists them. Ctrl-C ends an answer and empties a "
      "line; Ctrl-D, and Ctrl-C at an empty line, end the conversation. Lines from a pipe are "
      "messages too: answers go to standard output, everything "
      "else to standard error, and the exit code is 1 where a message could not be answered.";
  c.examples = {"stemma chat --model models/smollm2",
                "stemma chat --model models/smollm2 --system \"Be brief.\" --temperature 0.7",
                "stemma chat --url http://127.0.0.1:8080/v1",
                "echo 'What is a stemma?' | stemma chat --model models/smollm2"};
  declare(*o, c.options);
  c.run = [o, &c] { return run_chat(*o, c.options); };
}

}  // namespace stemma::cli

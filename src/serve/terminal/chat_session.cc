#include "serve/terminal/chat_session.h"

#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/suggest.h"

namespace stemma::serve {
namespace {

struct CommandHelp {
  std::string_view name, argument, what;
};
constexpr std::array kCommands = {
    CommandHelp{"/help", "", "this list"},
    CommandHelp{"/system", "TEXT", "a system message, which begins the conversation anew"},
    CommandHelp{"/temp", "X", "temperature of what follows; 0: the likeliest words"},
    CommandHelp{"/model", "NAME", "another model: a folder or file, or an id of the server"},
    CommandHelp{"/tokens", "", "how long the conversation is"},
    CommandHelp{"/retry", "", "another answer to the last message"},
    CommandHelp{"/undo", "", "takes the last message and its answer back"},
    CommandHelp{"/clear", "", "forgets the conversation"},
    CommandHelp{"/save", "FILE", "writes the conversation: JSON, or Markdown where it ends in .md"},
    CommandHelp{"/load", "FILE", "goes on with a conversation that was saved as JSON"},
    CommandHelp{"/quit", "", "ends; as Ctrl-D does"}};

Json message(const char* role, std::string content) {
  return Json::object({{"role", role}, {"content", std::move(content)}});
}

std::string role_of(const Json& m) { return m.at("role").as_string(); }

}  // namespace

ChatSession::ChatSession(Talker& talker, TalkOptions options, const std::string& system,
                         Screen screen)
    : talker_(talker), options_(options), screen_(std::move(screen)) {
  if (!system.empty()) set_system(system);
}

bool ChatSession::take(const std::string& text) {
  failed_ = false;
  try {
    if (text.starts_with('/')) return command(text);
    if (text.find_first_not_of(" \t\r\n") == std::string::npos) return true;
    messages_.push_back(message("user", text));
    ask();
  } catch (const Error& error) {
    failed_ = true;
    screen_.note(fmt::format("error: {}", error.what()));
  }
  return true;
}

// What could not be answered is taken back, so that the conversation stays one.
void ChatSession::ask() {
  Reply reply;
  try {
    reply = talker_.reply(messages_, options_, screen_.print, screen_.interrupt);
  } catch (const Error& error) {
    pop_last_turn();
    screen_.forget_interrupt();
    if (error.code() == ErrorCode::invalid_argument)
      throw Error(error.code(),
                  fmt::format("{} (/clear begins anew, /undo takes a turn back)", error.what()));
    throw;
  }
  screen_.forget_interrupt();
  screen_.print("\n");
  messages_.push_back(message("assistant", reply.text));
  if (reply.finish == "length")
    screen_.note("the answer was cut off: --max-tokens, or the end of the model's context");
  if (reply.finish == "cancelled") screen_.note("interrupted");
  // Another answer next time, where answers are drawn.
  if (options_.seed) ++*options_.seed;
  show_speed(reply);
}

void ChatSession::show_speed(const Reply& r) const {
  if (!screen_.shows_speed || r.tokens == 0) return;
  const double writing = r.seconds - r.first_seconds;
  screen_.note(
      fmt::format("{} tokens, {:.1f} a second, the first after {:.2f} s", r.tokens,
                  r.tokens > 1 && writing > 0 ? static_cast<double>(r.tokens - 1) / writing : 0.0,
                  r.first_seconds));
}

// The last question, and the answer if there is one.
void ChatSession::pop_last_turn() {
  Json::Array list = messages_.as_array();
  if (!list.empty() && role_of(list.back()) == "assistant") list.pop_back();
  if (!list.empty() && role_of(list.back()) == "user") list.pop_back();
  messages_ = Json(std::move(list));
}

void ChatSession::retry() {
  Json::Array list = messages_.as_array();
  if (!list.empty() && role_of(list.back()) == "assistant") list.pop_back();
  if (list.empty() || role_of(list.back()) != "user")
    throw Error(ErrorCode::invalid_argument, "there is no message to answer yet");
  messages_ = Json(std::move(list));
  ask();
}

void ChatSession::set_system(const std::string& text) {
  messages_ = Json::array();
  if (!text.empty()) messages_.push_back(message("system", text));
}

void ChatSession::save(const std::string& file) const {
  if (file.empty()) throw Error(ErrorCode::invalid_argument, "/save needs the name of a file");
  save_conversation(file, messages_);
  screen_.note(fmt::format("{} messages in {}", messages_.as_array().size(), file));
}

void ChatSession::load(const std::string& file) {
  if (file.empty()) throw Error(ErrorCode::invalid_argument, "/load needs the name of a file");
  messages_ = load_conversation(file);
  screen_.note(fmt::format("{} messages from {}", messages_.as_array().size(), file));
}

bool ChatSession::command(const std::string& text) {
  const std::size_t blank = std::min(text.find(' '), text.size());
  const std::string name = text.substr(0, blank);
  const std::size_t begin = std::min(text.find_first_not_of(' ', blank), text.size());
  const std::string argument = text.substr(begin);
  if (name == "/quit" || name == "/exit") return false;
  if (name == "/help") {
    for (const CommandHelp& c : kCommands)
      screen_.note(fmt::format("{:<16} {}", fmt::format("{} {}", c.name, c.argument), c.what));
    screen_.note("A line that ends with \\ goes on; \"\"\" begins and ends a longer text.");
  } else if (name == "/system") {
    set_system(argument);
    screen_.note("the conversation begins anew");
  } else if (name == "/temp") {
    double value = 0;
    const char* const end = argument.data() + argument.size();
    const auto [next, error] = std::from_chars(argument.data(), end, value);
    if (error != std::errc() || next != end || !(value >= 0 && value <= 100))
      throw Error(ErrorCode::invalid_argument, "/temp needs a number from 0 to 100");
    options_.temperature = value;
    screen_.note(fmt::format("temperature {:g}", value));
  } else if (name == "/model") {
    if (!argument.empty()) talker_.use_model(argument);
    screen_.note("model " + talker_.model());
  } else if (name == "/tokens") {
    const auto size = talker_.size(messages_);
    screen_.note(!size            ? "the server says it with its next answer"
                 : size->most > 0 ? fmt::format("{} of {} tokens", size->tokens, size->most)
                                  : fmt::format("{} tokens", size->tokens));
  } else if (name == "/retry") {
    retry();
  } else if (name == "/undo") {
    pop_last_turn();
    screen_.note(fmt::format("{} messages are left", messages_.as_array().size()));
  } else if (name == "/clear") {
    const bool system =
        !messages_.as_array().empty() && role_of(messages_.as_array().front()) == "system";
    messages_ = system ? Json::array({messages_.as_array().front()}) : Json::array();
    screen_.note("the conversation begins anew");
  } else if (name == "/save") {
    save(argument);
  } else if (name == "/load") {
    load(argument);
  } else {
    std::vector<std::string> names;
    for (const CommandHelp& c : kCommands) names.emplace_back(c.name);
    throw Error(ErrorCode::invalid_argument,
                fmt::format("there is no command {}{} (/help lists them)", name,
                            did_you_mean(name, names)));
  }
  return true;
}

}  // namespace stemma::serve

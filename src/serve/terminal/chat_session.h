// A conversation in a terminal: lines that are messages, and lines that are commands.
//
//   ChatSession session(talker, {}, screen);
//   while (auto text = input.read()) if (!session.take(*text)) break;
//
//   /help  /system TEXT  /temp X  /model NAME  /tokens  /retry  /undo  /clear
//   /save FILE  /load FILE  /quit
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/interrupt.h"
#include "base/json.h"
#include "serve/terminal/talker.h"

namespace stemma::serve {

struct Screen {
  std::function<bool(std::string_view)> print;     // the model's words; false: nobody reads them
  std::function<void(const std::string&)> note;    // everything else, a line
  Interrupt interrupt = {};                        // ends an answer
  std::function<void()> forget_interrupt = [] {};  // afterwards
  bool shows_speed = true;
};

class ChatSession {
 public:
  // `talker` must outlive it. system: empty: the template's own.
  ChatSession(Talker& talker, TalkOptions options, const std::string& system, Screen screen);

  // A message or a command; false where the conversation has ended. What goes wrong is said on the
  // screen, and the conversation is as before.
  bool take(const std::string& text);
  const Json& messages() const { return messages_; }
  // Whether the last message could not be answered.
  bool failed() const { return failed_; }

 private:
  bool command(const std::string& text);
  void ask();
  void retry();
  void set_system(const std::string& text);
  void save(const std::string& file) const;
  void load(const std::string& file);
  void show_speed(const Reply& reply) const;
  void pop_last_turn();

  Talker& talker_;
  TalkOptions options_;
  Screen screen_;
  Json messages_ = Json::array();
  bool failed_ = false;
};

// A conversation as a file: {"messages": [...]}, or Markdown where the name ends in .md. Atomic:
// a file that is there is replaced or stays. Throws device.
void save_conversation(const std::string& file, const Json& messages);
// The messages of such a JSON file. Throws not_found, corrupt, unsupported (Markdown).
Json load_conversation(const std::string& file);

}  // namespace stemma::serve

// Finds the calls of functions in an answer while it is written.
//
//   ToolCallReader reader(format);
//   for (...) reader.push(piece, events);      // text before a call, a call's name, its arguments
//   reader.finish(events);
//   reader.calls()[0].name;
//
// Text that may still become the mark of a call is held back. What looks like a call and is none
// (no JSON, no name) is text. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/chat/tool_format.h"

namespace stemma::chat {

struct ToolCall {
  std::string name, arguments;  // arguments: JSON as the model wrote it
};

struct ToolEvent {
  enum class Kind : std::uint8_t { text, begin, arguments, end } kind = Kind::text;
  std::size_t call = 0;
  std::string text;  // of the answer; the name; a piece of the arguments; nothing
};

// The JSON object of one call, character by character.
class CallScanner {
 public:
  explicit CallScanner(std::string arguments_key) : key_of_arguments_(std::move(arguments_key)) {}

  // The next character, from { on. False where the text is no call.
  bool push(char c);
  bool done() const { return state_ == State::done; }
  bool named() const { return named_; }
  const std::string& name() const { return name_; }
  // The arguments that came since this was asked last; nothing before the name is known.
  std::string take_arguments();

 private:
  enum class State : std::uint8_t { begin, key_or_end, key, colon, value, in_value, behind, done };
  bool begin_value(char c);
  bool in_value(char c);
  bool end_value();
  bool is_arguments() const;

  std::string key_of_arguments_, key_, value_, name_, arguments_;
  State state_ = State::begin;
  int depth_ = 0;
  bool in_string_ = false, escaped_ = false, is_text_ = false;  // of the value
  bool named_ = false, has_arguments_ = false;
};

class ToolCallReader {
 public:
  // begun: the answer begins behind the mark of a call, which stands in the prompt.
  explicit ToolCallReader(ToolFormat format, bool begun = false);

  void push(std::string_view piece, std::vector<ToolEvent>& events);
  void finish(std::vector<ToolEvent>& events);
  const std::vector<ToolCall>& calls() const { return calls_; }
  // Whether every call that was begun came to its end.
  bool complete() const { return !open_; }
  // Whether the answer ended inside a call: the last of calls(), as far as it came.
  bool cut() const { return open_ && place_ == Place::inside; }

 private:
  void outside(char c, std::vector<ToolEvent>& events);
  void between(char c, std::vector<ToolEvent>& events);
  void inside(char c, std::vector<ToolEvent>& events);
  void give_up(std::vector<ToolEvent>& events);
  void add_text(std::string_view text, std::vector<ToolEvent>& events);

  enum class Place : std::uint8_t { start, outside, between, inside };
  ToolFormat format_;
  Place place_;
  std::string held_;  // text that may become a mark, or turns out to be no call
  CallScanner scanner_;
  std::vector<ToolCall> calls_;
  bool open_ = false;  // a call has begun
  bool wrote_text_ = false;
};

}  // namespace stemma::chat

// Lines that a person types, with editing and a history (libedit), or lines of a pipe.
//
//   LineInput input("> ");
//   while (const auto text = input.read()) answer(*text);      // nothing: the end
//
// A line that ends with a backslash goes on in the next one, and """ begins and ends a text of
// several lines. On a terminal Ctrl-C empties the line, and ends the input where it is empty;
// Ctrl-D there, too. One thread, one object.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace stemma::cli {

class LineInput {
 public:
  // prompt: on a terminal only. history: a file that remembers lines from one time to the next;
  // empty: none.
  LineInput(std::string prompt, const std::filesystem::path& history);
  ~LineInput();
  LineInput(const LineInput&) = delete;
  LineInput& operator=(const LineInput&) = delete;

  std::optional<std::string> read();
  bool is_terminal() const { return editor_ != nullptr; }

 private:
  class Editor;
  std::optional<std::string> line(const std::string& prompt);

  std::string prompt_;
  std::unique_ptr<Editor> editor_;  // null: not a terminal
};

// Where the history of `stemma chat` is kept: $XDG_STATE_HOME/stemma, or ~/.local/state/stemma;
// empty where there is no home.
std::filesystem::path chat_history_file();

}  // namespace stemma::cli

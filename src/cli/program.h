// The frame around the subcommands: each says what it is called, which options it takes and what it
// runs; the program parses the command line, prints help and turns errors into exit codes.
//
//   Program program;
//   Command& c = program.add("tokenizer encode", "text to token ids");
//   c.options.add({"input", "a file of text", "book.txt"}, input);
//   c.required = {"input"};
//   c.run = [&] { return kDone; };
//   return program.run(argc, argv);
//
// One thread. run() throws nothing.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/options.h"

namespace stemma::cli {

// What a key was given on the command line, before it is checked.
using Values = std::map<std::string, std::vector<std::string>>;

struct Command {
  explicit Command(std::string command, std::string one_line)
      : name(std::move(command)), summary(std::move(one_line)), options(name) {}

  std::string name;                   // "train", "tokenizer train"
  std::string summary;                // one line, no full stop
  std::string about;                  // a paragraph for a newcomer
  std::vector<std::string> examples;  // whole command lines
  OptionSet options;
  std::vector<std::string> required;               // keys that must be given
  std::string positional;                          // the key that a bare argument sets, or none
  std::function<void(const Values& given)> early;  // before the options are set; may be empty
  std::function<int()> run;                        // returns an exit code
};

class Program {
 public:
  // Words are separated by one space; the first of two names a group.
  Command& add(std::string name, std::string summary);
  const std::deque<Command>& commands() const { return commands_; }

  // The exit code of the whole process.
  int run(int argc, char** argv);

 private:
  int dispatch(int argc, char** argv);

  std::deque<Command> commands_;  // references stay valid
};

// Help texts (help.cc).
std::string overview_text(const std::deque<Command>& commands);
std::string group_text(const std::deque<Command>& commands, std::string_view group);
std::string help_text(const Command& command);

}  // namespace stemma::cli

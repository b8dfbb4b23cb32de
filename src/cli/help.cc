#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "cli/program.h"
#include "cli/version.h"

namespace stemma::cli {
namespace {

constexpr std::size_t kWidth = 92;

constexpr const char* kEnvironment =
    "Environment:\n"
    "  STEMMA_THREADS   worker threads, where --threads does not say (STEMMA_THREADS=2)\n"
    "  STEMMA_KERNELS   avx2, avx512, avx512_bf16 or amx: force a kernel path "
    "(STEMMA_KERNELS=avx2)\n"
    "  STEMMA_LOG       debug, info, warning or error, and topics (STEMMA_LOG=warning,kernels)\n";

// Words in lines of at most kWidth columns, each after `indent` spaces.
std::string wrapped(std::string_view text, std::size_t indent) {
  std::string result, line(indent, ' ');
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (line.size() > indent && line.size() + end + 1 > kWidth) {
      result += line + "\n";
      line.assign(indent, ' ');
    }
    if (line.size() > indent) line += ' ';
    line += text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result + line + "\n";
}

std::string_view placeholder(OptionType type) {
  switch (type) {
    case OptionType::text:
      return " TEXT";
    case OptionType::path:
      return " PATH";
    case OptionType::integer:
      return " N";
    case OptionType::real:
      return " X";
    case OptionType::boolean:
      return "";
    case OptionType::list:
      return " TEXT ...";
    case OptionType::paths:
      return " PATH ...";
    case OptionType::choice:
      return " WORD";
  }
  return "";
}

std::string option_text(const OptionInfo& info, bool required) {
  std::string facts;
  const bool number = info.type == OptionType::integer || info.type == OptionType::real;
  if (number || info.type == OptionType::choice) facts = info.allowed + "; ";
  if (required)
    facts += "must be given; ";
  else if (info.default_text != "\"\"" && info.default_text != "[]")
    facts += fmt::format("default {}; ", info.default_text);
  const std::string value = info.type == OptionType::boolean ? "" : " " + info.example;
  return fmt::format("  {}{}\n", info.flag, placeholder(info.type)) + wrapped(info.help, 6) +
         wrapped(fmt::format("({}example: {}{})", facts, info.flag, value), 6);
}

std::string list_of(const std::deque<Command>& commands, std::string_view prefix) {
  std::string text;
  for (const Command& command : commands)
    if (command.name.starts_with(prefix))
      text += fmt::format("  {:<18} {}\n", command.name, command.summary);
  return text;
}

}  // namespace

std::string overview_text(const std::deque<Command>& commands) {
  return fmt::format(
      "stemma {}: trains and runs GPT models. Text in, text out.\n\n"
      "Commands:\n{}\n"
      "A first run, from a text to a text:\n"
      "  stemma tokenizer train --input book.txt --vocab-size 4096 --output tokenizer\n"
      "  stemma train --run runs/book --data book.txt --tokenizer tokenizer --depth 4 --steps 300\n"
      "  stemma generate --model runs/book --prompt \"Once upon a time\" --max-tokens 100\n\n"
      "`stemma COMMAND --help` explains a command, with an example for each option.\n\n{}\n"
      "Exit codes: 0 done, 1 a check failed, 2 usage or impossible value, 3 a file is missing,\n"
      "corrupt or unsupported, 4 no memory, no space or a failing device, 5 internal error,\n"
      "130 Ctrl-C, 143 SIGTERM.\n",
      kVersion, list_of(commands, ""), kEnvironment);
}

std::string group_text(const std::deque<Command>& commands, std::string_view group) {
  return fmt::format("Commands of stemma {0}:\n{1}\n`stemma COMMAND --help` explains each.\n",
                     group, list_of(commands, fmt::format("{} ", group)));
}

std::string help_text(const Command& command) {
  const std::set<std::string> required(command.required.begin(), command.required.end());
  std::string usage = fmt::format("stemma {}", command.name), options;
  const auto infos = command.options.infos();
  for (const OptionInfo& info : infos) {
    if (info.key == command.positional)
      usage +=
          required.contains(info.key) ? " " + info.example : fmt::format(" [{}]", info.example);
    else if (required.contains(info.key))
      usage += fmt::format(" {} {}", info.flag, info.example);
    options += option_text(info, required.contains(info.key));
  }
  std::string examples;
  for (const std::string& example : command.examples) examples += fmt::format("  {}\n", example);
  return fmt::format(
      "stemma {}: {}\n\n{}\nUsage:\n  {} [options]\n\nExamples:\n{}\nOptions:\n{}\n{}",
      command.name, command.summary, wrapped(command.about, 0), usage, examples, options,
      kEnvironment);
}

}  // namespace stemma::cli

#include "cli/program.h"

#include <new>
#include <system_error>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "base/suggest.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/version.h"

namespace stemma::cli {
namespace {

constexpr int kMaxListItems = 1'000'000;

// What CLI11 knows of one command.
struct Parsed {
  CLI::App* app = nullptr;
  std::map<std::string, CLI::Option*> options;  // by key
};

[[noreturn]] void usage_error(const std::string& text) {
  throw Error(ErrorCode::invalid_argument, text);
}

Parsed declare(const Command& command, CLI::App& parent, const std::string& word) {
  Parsed parsed;
  parsed.app = parent.add_subcommand(word, command.summary)->allow_extras();
  for (const OptionInfo& info : command.options.infos()) {
    const std::string names =
        info.key == command.positional ? info.key + "," + info.flag : info.flag;
    CLI::Option* option = info.type == OptionType::boolean ? parsed.app->add_flag(names)
                                                           : parsed.app->add_option(names);
    // A list takes what stands behind its flag, or every bare argument.
    if (info.type == OptionType::list || info.type == OptionType::paths)
      option->expected(1, kMaxListItems)->allow_extra_args(info.key == command.positional);
    parsed.options[info.key] = option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
  return parsed;
}

// The arguments in the order that CLI11 wants, the last one first. "--key=" becomes "--key" "",
// which CLI11 would otherwise take for a key without a value.
std::vector<std::string> arguments(int argc, char** argv) {
  std::vector<std::string> list;
  // `stemma help train` is `stemma train --help`.
  const bool help = argc > 1 && std::string_view(argv[1]) == "help";
  for (int i = help ? 2 : 1; i < argc; ++i) {
    const std::string_view text = argv[i];
    const bool empty_value =
        text.size() > 3 && text.starts_with("--") && text.find('=') == text.size() - 1;
    list.emplace_back(empty_value ? text.substr(0, text.size() - 1) : text);
    if (empty_value) list.emplace_back();
  }
  if (help) list.emplace_back("--help");
  return {list.rbegin(), list.rend()};
}

// What stood on the command line and has no meaning there.
void refuse_extras(const Command& command, const CLI::App& app) {
  const std::vector<std::string> extras = app.remaining();
  if (extras.empty()) return;
  const std::string& first = extras.front();
  if (!first.starts_with("-"))
    usage_error(
        fmt::format("[{0}] '{1}' is one argument too many: values belong to options, as in "
                    "`stemma {0} --help`",
                    command.name, first));
  const std::string flag = first.substr(0, first.find('='));
  const std::string hint = command.options.hint(flag);
  usage_error(fmt::format(
      "[{}] unknown option {}{}", command.name, flag,
      hint.empty() ? fmt::format("; `stemma {} --help` lists all", command.name) : hint));
}

void set_options(Command& command, const Parsed& parsed) {
  refuse_extras(command, *parsed.app);
  Values given;
  for (const auto& [key, option] : parsed.options)
    if (option->count() > 0) given[key] = option->results();
  if (command.early) command.early(given);
  for (const auto& [key, values] : given) command.options.set(key, values);
  for (const OptionInfo& info : command.options.infos())
    for (const std::string& key : command.required)
      if (info.key == key && (info.source == OptionSource::default_value ||
                              given[key] == std::vector<std::string>{""}))
        usage_error(fmt::format("[{0}] {1} is missing ({2}): for example {1} {3}", command.name,
                                info.flag, info.help, info.example));
}

// A flag at the end, or before another one, to which a value belongs. CLI11's message begins with
// the flag.
[[noreturn]] void refuse_missing_value(const std::deque<Command>& commands,
                                       const std::deque<Parsed>& parsed, std::string_view message) {
  const std::string_view flag = message.substr(0, message.find(':'));
  for (std::size_t i = 0; i < parsed.size(); ++i) {
    if (!parsed[i].app->parsed()) continue;
    for (const OptionInfo& info : commands[i].options.infos())
      if (info.flag == flag || (!info.key.empty() && info.key == flag))
        usage_error(fmt::format("[{0}] {1} needs a value, {2} ({3}): for example {1} {4}",
                                commands[i].name, info.flag, info.allowed, info.help,
                                info.example));
  }
  usage_error(std::string(message));
}

// A bad word where a command should stand.
[[noreturn]] void refuse_word(const std::string& place, const std::string& word,
                              const std::vector<std::string>& known) {
  const bool option = word.starts_with("-");
  const std::string hint = option ? "" : did_you_mean(word, known);
  usage_error(
      fmt::format("unknown {} '{}'{}{}", option ? "option" : "command", place + word, hint,
                  hint.empty() ? fmt::format("; it is one of: {}", fmt::join(known, ", ")) : ""));
}

std::vector<std::string> subcommand_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(sub->get_name());
  return names;
}

}  // namespace

Command& Program::add(std::string name, std::string summary) {
  return commands_.emplace_back(std::move(name), std::move(summary));
}

int Program::dispatch(int argc, char** argv) {
  CLI::App root("stemma");
  root.allow_extras()->require_subcommand(0, 1);
  bool version = false;
  root.add_flag("--version", version);
  std::map<std::string, CLI::App*> groups;
  std::deque<Parsed> parsed;
  for (const Command& command : commands_) {
    const std::size_t space = command.name.find(' ');
    CLI::App* parent = &root;
    if (space != std::string::npos) {
      CLI::App*& group = groups[command.name.substr(0, space)];
      if (!group)
        group = root.add_subcommand(command.name.substr(0, space))
                    ->allow_extras()
                    ->require_subcommand(0, 1);
      parent = group;
    }
    parsed.push_back(
        declare(command, *parent,
                space == std::string::npos ? command.name : command.name.substr(space + 1)));
  }
  bool help = false;
  try {
    root.parse(arguments(argc, argv));
  } catch (const CLI::CallForHelp&) {
    help = true;
  } catch (const CLI::ArgumentMismatch& error) {
    refuse_missing_value(commands_, parsed, error.what());
  } catch (const CLI::ParseError& error) {
    usage_error(fmt::format("{}", error.what()));
  }

  for (std::size_t i = 0; i < parsed.size(); ++i) {
    if (!parsed[i].app->parsed()) continue;
    if (help) return print(help_text(commands_[i])), kDone;
    set_options(commands_[i], parsed[i]);
    return commands_[i].run();
  }
  for (const auto& [name, app] : groups) {
    if (!app->parsed()) continue;
    if (help) return print(group_text(commands_, name)), kDone;
    const auto extras = app->remaining();
    if (!extras.empty() && !extras.front().starts_with("-"))
      refuse_word(name + " ", extras.front(), subcommand_names(*app));
    const std::vector<std::string> names = subcommand_names(*app);
    usage_error(
        fmt::format("[{0}] which command? It is one of: {1}; for example `stemma {0} {2}{3}`", name,
                    fmt::join(names, ", "), names.front(),
                    extras.empty() ? " --help" : " " + extras.front() + " ..."));
  }
  if (version) return print(version_text()), kDone;
  if (!help && !root.remaining().empty())
    refuse_word("", root.remaining().front(), subcommand_names(root));
  return print(overview_text(commands_)), kDone;
}

int Program::run(int argc, char** argv) {
  int code = kInternal;
  std::string text;
  try {
    return dispatch(argc, argv);
  } catch (const InterruptedWait& error) {
    code = 128 + process_interrupt().signal();
    text = error.what();
  } catch (const Error& error) {
    code = exit_code(error.code());
    text = error.what();
  } catch (const std::bad_alloc&) {
    code = kMachine;
    text = "out of memory: use a smaller model, batch or sequence_length";
  } catch (const std::system_error& error) {
    code = kMachine;
    text = fmt::format("the system refused: {}", error.what());
  } catch (const std::exception& error) {
    text = fmt::format("internal error: {}", error.what());
  }
  for (char& c : text)
    if (c == '\n') c = ' ';
  const std::string line = fmt::format("stemma: {}\n", text);
  // Nothing is left to be done when standard error is closed too.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
  return code;
}

}  // namespace stemma::cli

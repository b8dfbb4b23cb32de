// Options of a command. One declaration of a key serves the recipe file (TOML, flat keys), the flag
// on the command line (--learning-rate for the key learning_rate), the help and the saved recipe.
// Keys are snake_case. A value from the command line goes before one from a recipe, whichever comes
// first, and both before the default. Not thread-safe.
//
//   TrainOptions o;  // plain struct with the defaults
//   OptionSet options("train");
//   options.add({"learning_rate", "peak learning rate", "6e-4"}, o.learning_rate, {0, 1});
//   options.add_choice({"pack", "how documents share windows", "stream"}, o.pack,
//                      {"stream", "documents"});
//   options.read_toml("recipes/gpt2.toml");
//   options.set("learning_rate", "3e-4");
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace stemma {

enum class OptionSource { default_value, recipe, command_line };
enum class OptionType { text, path, integer, real, boolean, list, paths, choice };

struct OptionHelp {
  std::string key, help, example;  // example: a value as it is written on the command line
  // What other programs call it: who writes one of these is told our name ("lr", "max_lr").
  std::vector<std::string> other_names = {};
};

// Both ends are allowed.
struct IntegerRange {
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};
// Both ends are allowed, NaN and infinities never.
struct RealRange {
  double min = std::numeric_limits<double>::lowest();
  double max = std::numeric_limits<double>::max();
};

// What the command line and the help need to know of one option.
struct OptionInfo {
  std::string key, flag, help, example;
  OptionType type;
  std::string allowed;       // "an integer from 1 to 1000", "one of auto, f32, bf16"
  std::string default_text;  // as in a recipe
  OptionSource source;
};

class OptionSet {
 public:
  // The command's name, for error messages that point to its --help.
  explicit OptionSet(std::string command) : command_(std::move(command)) {}

  // `value` holds the default, receives what is set, and must outlive the set. Throws internal when
  // the key is declared twice or is no snake_case word, or default or example are not allowed.
  void add(OptionHelp help, std::string& value);
  void add(OptionHelp help, bool& value);
  void add(OptionHelp help, std::int64_t& value, IntegerRange range);
  void add(OptionHelp help, double& value, RealRange range);
  void add(OptionHelp help, std::vector<std::string>& value);
  // Names of files and folders, in which ~ at the start is the home folder: a shell expands it only
  // where it begins a word, and not in --output=~/x or in a recipe.
  void add_path(OptionHelp help, std::string& value);
  void add_path(OptionHelp help, std::vector<std::string>& value);
  // A folder that is written: standard output, "-", is none.
  void add_folder(OptionHelp help, std::string& value);
  void add_choice(OptionHelp help, std::string& value, std::vector<std::string> choices);

  // From a flag. Only a list takes more or fewer than one value. Integers may be written as 1e6.
  // Throws invalid_argument: unknown key ("did you mean"), wrong type, out of range.
  void set(std::string_view key, std::string_view text);
  void set(std::string_view key, std::span<const std::string> values);

  // Reads a recipe. Throws not_found or device (the file), corrupt (no TOML, or not UTF-8),
  // invalid_argument (unknown key, wrong type, out of range); the message names file, line and key.
  // After an error some values may be set.
  void read_toml(const std::filesystem::path& path);
  void read_toml_text(std::string_view text, std::string_view where);

  // The resolved recipe: every key with its value. Reads back to the same values. Throws
  // invalid_argument where a text is not UTF-8.
  std::string to_toml() const;

  // What to say of a key that is not declared: which option is meant, or "".
  std::string hint(std::string_view unknown) const;

  // In the order of declaration.
  std::vector<OptionInfo> infos() const;
  // Throws internal for a key that was never declared.
  OptionSource source(std::string_view key) const;

 private:
  using Target =
      std::variant<std::string*, bool*, std::int64_t*, double*, std::vector<std::string>*>;
  using Value = std::variant<std::string, bool, std::int64_t, double, std::vector<std::string>>;
  struct Option {
    Target target;
    IntegerRange integers = {};
    RealRange reals = {};
    std::vector<std::string> choices = {};
    bool is_path = false, is_folder = false;
    OptionHelp help = {};
    std::string default_text = {};
    OptionSource source = OptionSource::default_value;

    std::string allowed() const;
    bool allows(const Value& value) const;
    Value value() const;
    bool parse(std::string_view text, Value& result) const;
    void assign(Value value, OptionSource from);
  };

  void declare(OptionHelp help, Option option);
  const Option* find(std::string_view key) const;
  Option& find_or_throw(std::string_view key, std::string_view place);

  std::string command_;
  std::vector<Option> options_;
};

// A name with the home folder in place of a ~ at its start. Throws invalid_argument for ~name, and
// where HOME is not set.
std::string with_home(std::string path);

// "learning_rate" -> "--learning-rate".
std::string flag_of_key(std::string_view key);

}  // namespace stemma

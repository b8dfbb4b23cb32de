#include "base/options.h"

#include <fstream>

#include <gtest/gtest.h>

#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"

namespace stemma {
namespace {

struct Values {
  std::string run = "runs/a";
  std::int64_t steps = 1000;
  double learning_rate = 6e-4;
  bool resume = false;
  std::vector<std::string> data;
  std::string precision = "auto";
};

struct Fixture {
  Values v;
  OptionSet options{"train"};

  Fixture() {
    options.add({"run", "folder of the run", "runs/gpt2"}, v.run);
    options.add({"steps", "optimiser steps", "1e4"}, v.steps, {1, 1'000'000});
    options.add({"learning_rate", "peak learning rate", "6e-4"}, v.learning_rate, {0, 1});
    options.add({"resume", "go on", "true"}, v.resume);
    options.add({"data", "text files", "a.txt"}, v.data);
    options.add_choice({"precision", "multiply type", "f32"}, v.precision, {"auto", "f32", "bf16"});
  }
  void read(std::string_view text) { options.read_toml_text(text, "r.toml"); }
};

TEST(Options, ARecipeSetsEveryType) {
  Fixture f;
  f.read(
      "# all\nrun = \"runs/ü\"\nsteps = 20_000\nlearning_rate = 1\nresume = true\n"
      "data = [\n  \"a.txt\",\n  \"b, c.txt\",\n]\nprecision = 'bf16'\n");
  EXPECT_EQ(f.v.run, "runs/ü");
  EXPECT_EQ(f.v.steps, 20'000);
  EXPECT_EQ(f.v.learning_rate, 1.0);
  EXPECT_TRUE(f.v.resume);
  EXPECT_EQ(f.v.data, (std::vector<std::string>{"a.txt", "b, c.txt"}));
  EXPECT_EQ(f.v.precision, "bf16");
  EXPECT_EQ(f.options.source("steps"), OptionSource::recipe);
  f.read("steps = 1e5");
  EXPECT_EQ(f.v.steps, 100'000);
  f.read("");
  EXPECT_EQ(f.v.steps, 100'000);
}

TEST(Options, FlagsSetEveryTypeAndGoBeforeTheRecipeInEitherOrder) {
  Fixture f;
  f.options.set("steps", "5e3");
  f.read("steps = 7\nlearning_rate = 0.5");
  f.options.set("learning_rate", "2.5e-4");
  f.options.set("resume", "true");
  f.options.set("data", std::vector<std::string>{"x", "y"});
  f.options.set("precision", "f32");
  f.options.set("run", "");
  EXPECT_EQ(f.v.steps, 5000);
  EXPECT_EQ(f.v.learning_rate, 2.5e-4);
  EXPECT_TRUE(f.v.resume);
  EXPECT_EQ(f.v.data.size(), 2u);
  EXPECT_EQ(f.v.precision, "f32");
  EXPECT_EQ(f.v.run, "");
  EXPECT_EQ(f.options.source("steps"), OptionSource::command_line);
  EXPECT_EQ(Fixture().options.source("steps"), OptionSource::default_value);
}

TEST(Options, WrongFlagsSayWhatIsAllowed) {
  Fixture f;
  for (const char* bad : {"0", "1000001", "1.5", "ten", "", " 5", "5 ", "0x10", "nan", "inf",
                          "1e30", "99999999999999999999", "--5"})
    EXPECT_ERROR(f.options.set("steps", bad), ErrorCode::invalid_argument,
                 "--steps must be an integer from 1 to 1000000, got '" + std::string(bad) + "'");
  for (const char* bad : {"nan", "inf", "-0.1", "1.01", "1e999", "x"})
    EXPECT_ERROR(f.options.set("learning_rate", bad), ErrorCode::invalid_argument,
                 "--learning-rate must be a number from 0 to 1, got");
  EXPECT_ERROR(f.options.set("resume", "yes"), ErrorCode::invalid_argument, "true or false");
  EXPECT_ERROR(f.options.set("precision", "fp32"), ErrorCode::invalid_argument,
               "--precision must be one of auto, f32, bf16, got 'fp32'");
  EXPECT_ERROR(f.options.set("steps", std::vector<std::string>{"1", "2"}),
               ErrorCode::invalid_argument, "is there 2 times: give it once");
  EXPECT_ERROR(f.options.set("lerning_rate", "1"), ErrorCode::invalid_argument,
               "did you mean 'learning_rate'?");
  EXPECT_ERROR(f.options.set("zzz", "1"), ErrorCode::invalid_argument, "`stemma train --help`");
  EXPECT_EQ(f.v.steps, 1000);
  EXPECT_EQ(f.options.source("steps"), OptionSource::default_value);
}

TEST(Options, WrongRecipeValuesNameFileLineAndKey) {
  const std::pair<const char*, const char*> cases[] = {
      {"\nlerning_rate = 1", "r.toml, line 2: unknown key 'lerning_rate'; did you mean "},
      {"\n\nsteps = 0", "r.toml, line 3: steps must be an integer from 1 to 1000000, got 0"},
      {"steps = \"5\"", "line 1: steps must be an integer from 1 to 1000000, got the text '5'"},
      {"steps = 1.5", "got 1.5"},
      {"steps = nan", "got nan"},
      {"steps = 1e300", "got 1e+300"},
      {"steps = true", "got true"},
      {"steps = [5]", "got a list"},
      {"[steps]\na = 1", "line 1: a recipe has no sections"},
      {"\n  [[[[steps = 1", "line 2: a recipe has no sections"},
      {"steps = {a = 1}", "line 1: a recipe has no sections"},
      {"steps.a = 1", "got a section"},
      {"steps = 1979-05-27", "got a date"},
      {"learning_rate = nan", "learning_rate must be a number from 0 to 1, got nan"},
      {"learning_rate = inf", "got inf"},
      {"learning_rate = 2", "got 2"},
      {"resume = 1", "resume must be true or false, got 1"},
      {"data = \"a.txt\"", "data must be a list of texts, got the text 'a.txt'"},
      {"data = [1]", "data must be a list of texts, got a list"},
      {"precision = \"int3\"", "precision must be one of auto, f32, bf16, got the text 'int3'"},
  };
  for (const auto& [text, part] : cases) {
    Fixture f;
    EXPECT_ERROR(f.read(text), ErrorCode::invalid_argument, part);
  }
}

TEST(Options, WhatIsNoTomlIsCorruptAndNamesTheLine) {
  const std::pair<std::string, const char*> cases[] = {
      {"run = \"a\"\nsteps = ", "r.toml, line 2, column "},
      {"steps 5", "r.toml, line 1"},
      {"run = \"a", "key 'run': "},
      {"steps = 99999999999999999999999", "key 'steps': "},
      {"\nsteps = 1\nsteps = 2", "line 3"},
      {"run = \"\xff\"", "line 1"},
      {"# \xc3\x28", "line 1"},
      {"run = \"\xed\xa0\x80\"", "line 1"},
      {std::string("run = \"a\0b\"", 11), "line 1"},
      {"run = \"\\ud800\"", "line 1"},
      {"run = " + std::string(60'000, '['), "line 1"},
      {std::string(70'000, '#'), "at most 65536 bytes, has 70000"},
      // The parser must not see these (toml++ 3.3 has no defined behaviour there).
      {"# \xc3\xa9\nrun = \xc3\xa9", "line 2: a character outside ASCII"},
      {"run = \"\"\"\xc3\xa9\"\"\"\"\"\xce\x8b", "line 1: a character outside ASCII"},
      {"run = 'a\\'\xc3\xa9", "line 1: a character outside ASCII"},
  };
  for (const auto& [text, part] : cases) {
    Fixture f;
    EXPECT_ERROR(f.read(text), ErrorCode::corrupt, part);
  }
  for (const char* text : {"run = \"\xc3\xa9\"  # \xc3\xa9", "run = '\xc3\xa9'",
                           "run = \"\"\"\n\xc3\xa9\\\"\xc3\xa9\"\"\"", "\xef\xbb\xbfrun = 'a'"}) {
    Fixture f;
    EXPECT_NO_THROW(f.read(text)) << text;
  }
  std::string dotted = "\n";
  for (int i = 0; i < 20'000; ++i) dotted += "a.";
  Fixture f;
  EXPECT_ERROR(f.read(dotted + "a = 1"), ErrorCode::corrupt, "line 2: more than 256 dots");
}

TEST(Options, ReadsFiles) {
  const TemporaryFolder folder;
  Fixture f;
  EXPECT_ERROR(f.options.read_toml(folder / "none.toml"), ErrorCode::not_found, "none.toml");
  std::ofstream(folder / "r.toml") << "steps = 12\nstep = 3\n";
  EXPECT_ERROR(
      f.options.read_toml(folder / "r.toml"), ErrorCode::invalid_argument,
      (folder / "r.toml").string() + ", line 2: unknown key 'step'; did you mean 'steps'?");
}

TEST(Options, TheSavedRecipeReadsBackToTheSameValues) {
  Fixture f;
  f.v.run = "quote \" back \\ tab \t line \n del \x7f é";
  f.options.set("learning_rate", "0.1");
  f.options.set("data", std::vector<std::string>{"a#b = [c]", ""});
  f.read("steps = 77");
  const std::string text = f.options.to_toml();
  EXPECT_NE(text.find("steps = 77\n"), text.npos) << text;
  EXPECT_NE(text.find("learning_rate = 0.1\n"), text.npos) << text;
  EXPECT_NE(text.find("resume = false\n"), text.npos) << text;
  Fixture again;
  again.read(text);
  EXPECT_EQ(again.v.run, f.v.run);
  EXPECT_EQ(again.v.steps, 77);
  EXPECT_EQ(again.v.learning_rate, 0.1);
  EXPECT_EQ(again.v.data, f.v.data);
  for (const double value : {5e-324, 1e-7, 1.0, 0.0, 1.0 / 3}) {
    f.v.learning_rate = value;
    again.read(f.options.to_toml());
    EXPECT_EQ(again.v.learning_rate, value);
  }
}

TEST(Options, ATextThatNoRecipeCanHoldIsRefusedWhenSaved) {
  Fixture f;
  f.options.set("run", "caf\xe9");
  EXPECT_EQ(f.v.run, "caf\xe9");
  EXPECT_ERROR(f.options.to_toml(), ErrorCode::invalid_argument, "--run must be UTF-8");
}

TEST(Options, InfosServeTheHelp) {
  const Fixture f;
  const std::vector<OptionInfo> infos = f.options.infos();
  ASSERT_EQ(infos.size(), 6u);
  EXPECT_EQ(infos[2].key, "learning_rate");
  EXPECT_EQ(infos[2].flag, "--learning-rate");
  EXPECT_EQ(infos[2].type, OptionType::real);
  EXPECT_EQ(infos[2].default_text, "0.0006");
  EXPECT_EQ(infos[1].allowed, "an integer from 1 to 1000000");
  EXPECT_EQ(infos[0].default_text, "\"runs/a\"");
  EXPECT_EQ(infos[3].type, OptionType::boolean);
  EXPECT_EQ(infos[4].type, OptionType::list);
  EXPECT_EQ(infos[5].type, OptionType::choice);
}

// A shell expands ~ only where it begins a word: not in --output=~/x, not in a recipe.
TEST(Options, PathsKnowTheHomeFolder) {
  std::string home = "/own", run, text;
  std::vector<std::string> data;
  OptionSet options("train");
  options.add_path({"run", "a folder", "runs/a"}, run);
  options.add_path({"data", "files", "a.txt"}, data);
  options.add({"prompt", "a text", "a"}, text);
  ::setenv("HOME", home.c_str(), 1);
  options.set("run", "~/runs/x");
  options.set("prompt", "~/runs/x");
  options.read_toml_text("data = [\"~/a.txt\", \"~\", \"b/~c\"]", "r.toml");
  EXPECT_EQ(run, home + "/runs/x");
  EXPECT_EQ(text, "~/runs/x");
  EXPECT_EQ(data, (std::vector<std::string>{home + "/a.txt", home, "b/~c"}));
  EXPECT_ERROR(options.set("run", "~other/x"), ErrorCode::invalid_argument, "'~other/x'");
  ::unsetenv("HOME");
  EXPECT_ERROR(options.set("run", "~/x"), ErrorCode::invalid_argument, "HOME");
  ::setenv("HOME", home.c_str(), 1);
}

TEST(Options, StandardOutputIsNoFolder) {
  std::string run;
  OptionSet options("train");
  options.add_folder({"run", "a folder", "runs/a"}, run);
  EXPECT_ERROR(options.set("run", "-"), ErrorCode::invalid_argument, "--run is a folder");
  options.set("run", "./-");
  EXPECT_EQ(run, "./-");
}

TEST(Options, WhatOtherProgramsCallThemLeadsToOurName) {
  double rate = 0;
  OptionSet options("train");
  options.add({"learning_rate", "peak learning rate", "6e-4", {"lr", "max_lr"}}, rate, {0, 1});
  EXPECT_EQ(options.hint("--lr"), "; see --learning-rate (peak learning rate)");
  EXPECT_EQ(options.hint("--max-lr"), "; see --learning-rate (peak learning rate)");
  EXPECT_EQ(options.hint("--learning-rat"), "; did you mean '--learning-rate'?");
  EXPECT_EQ(options.hint("--wings"), "");
  EXPECT_ERROR(options.read_toml_text("lr = 1", "r.toml"), ErrorCode::invalid_argument,
               "unknown key 'lr'; see learning_rate (peak learning rate)");
}

TEST(Options, WrongDeclarationsAreFoundAtOnce) {
  Fixture f;
  std::int64_t n = 0;
  std::string s;
  EXPECT_ERROR(f.options.add({"steps", "", "1"}, n, {}), ErrorCode::internal, "twice");
  EXPECT_ERROR(f.options.add({"Steps", "", "1"}, n, {}), ErrorCode::internal, "snake_case");
  EXPECT_ERROR(f.options.add({"a", "", "1"}, n, {1, 5}), ErrorCode::internal, "default");
  EXPECT_ERROR(f.options.add({"a", "", "x"}, n, {0, 5}), ErrorCode::internal, "example");
  EXPECT_ERROR(f.options.add_choice({"a", "", "x"}, s, {"x", "y"}), ErrorCode::internal, "default");
  EXPECT_ERROR(f.options.source("a"), ErrorCode::internal, "'a'");
}

}  // namespace
}  // namespace stemma

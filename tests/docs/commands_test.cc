// The documents say nothing that is not there: every command line in a code block names a command
// of the real binary and options that it has, every relative link leads to a file, every path in
// backticks exists, and every package that is installed has its reason.
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;

fs::path repository() { return STEMMA_SOURCE_DIR; }

std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::vector<fs::path> documents() {
  std::vector<fs::path> list = {repository() / "README.md", repository() / "CONTRIBUTING.md"};
  for (const auto& entry : fs::directory_iterator(repository() / "docs"))
    if (entry.path().extension() == ".md") list.push_back(entry.path());
  return list;
}

// What a command prints, on either output.
std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen((command + " 2>&1").c_str(), "r"),
                                                   ::pclose);
  std::string text;
  std::array<char, 4096> part{};
  while (const std::size_t n = std::fread(part.data(), 1, part.size(), pipe.get()))
    text.append(part.data(), n);
  return text;
}

std::string help_of(const std::string& command) {
  static std::map<std::string, std::string> known;
  const auto [at, added] = known.try_emplace(command);
  if (added) at->second = output_of(std::string(STEMMA_BINARY) + " " + command + " --help");
  return at->second;
}

struct CommandLine {
  std::string where, command;
  std::vector<std::string> flags;
};

bool is_group(const std::string& word) {
  return word == "tokenizer" || word == "data" || word == "eval" || word == "bench";
}

// Lines of code blocks, joined at a backslash, that run stemma.
std::vector<CommandLine> command_lines(const fs::path& document) {
  static const std::regex run(R"(^(\$ )?(\S*/)?stemma ([a-z][a-z ]*)(.*)$)");
  static const std::regex flag(R"((^|\s)(--[a-z0-9-]+))");
  std::vector<CommandLine> result;
  std::istringstream in(read_text(document));
  bool inside = false;
  for (std::string line, whole; std::getline(in, line);) {
    if (line.starts_with("```")) {
      inside = !inside;
      continue;
    }
    if (!inside) continue;
    whole += line;
    if (whole.ends_with('\\')) {
      whole.back() = ' ';
      continue;
    }
    std::smatch match;
    if (std::regex_match(whole, match, run)) {
      std::istringstream words(match[3]);
      std::string first, second;
      words >> first >> second;
      CommandLine found{document.filename().string() + ": " + whole, first, {}};
      if (is_group(first) && !second.empty()) found.command += " " + second;
      const std::string rest = match[4];
      for (std::sregex_iterator it(rest.begin(), rest.end(), flag), end; it != end; ++it)
        found.flags.push_back((*it)[2]);
      result.push_back(found);
    }
    whole.clear();
  }
  return result;
}

TEST(Documents, CommandLinesNameCommandsAndOptionsThatExist) {
  int count = 0;
  for (const fs::path& document : documents())
    for (const CommandLine& line : command_lines(document)) {
      SCOPED_TRACE(line.where);
      ++count;
      const std::string help = help_of(line.command);
      EXPECT_TRUE(help.starts_with("stemma " + line.command + ": ")) << help;
      for (const std::string& flag : line.flags)
        EXPECT_TRUE(std::regex_search(help, std::regex(flag + R"((?![a-z0-9-]))")))
            << line.command << " has no option " << flag;
    }
  EXPECT_GE(count, 8) << "README.md should show commands";
}

TEST(Documents, LinksLeadToFiles) {
  static const std::regex link(R"(\]\(([^)#:]+)(#[^)]*)?\))");
  for (const fs::path& document : documents()) {
    const std::string text = read_text(document);
    for (std::sregex_iterator it(text.begin(), text.end(), link), end; it != end; ++it)
      EXPECT_TRUE(fs::exists(document.parent_path() / (*it)[1].str()))
          << document << " links to " << (*it)[1];
  }
}

TEST(Documents, PathsInBackticksExist) {
  static const std::regex path(R"(`((src|tests|docs|scripts|recipes|benchmarks|cmake)/[\w./-]*)`)");
  for (const fs::path& document : documents()) {
    const std::string text = read_text(document);
    for (std::sregex_iterator it(text.begin(), text.end(), path), end; it != end; ++it) {
      const std::string name = (*it)[1];
      if (name.find("NAME") != std::string::npos) continue;
      EXPECT_TRUE(fs::exists(repository() / name)) << document << " names " << name;
    }
  }
}

TEST(Documents, TheReadmeNamesTheTwoCommands) {
  const std::string text = read_text(repository() / "README.md");
  for (const char* script : {"scripts/quickstart.sh", "scripts/test.sh", "scripts/get-model.sh"}) {
    EXPECT_NE(text.find(script), std::string::npos) << script;
    EXPECT_EQ(::access((repository() / script).c_str(), X_OK), 0)
        << script << " must be executable";
  }
  EXPECT_EQ(::access((repository() / ".ci/run").c_str(), X_OK), 0);
  EXPECT_NE(read_text(repository() / ".ci/run").find("scripts/test.sh"), std::string::npos);
}

TEST(Documents, ScriptsAreValidShell) {
  for (const auto& entry : fs::directory_iterator(repository() / "scripts")) {
    if (entry.path().extension() != ".sh") continue;
    EXPECT_EQ(output_of("bash -n '" + entry.path().string() + "'"), "") << entry.path();
  }
}

TEST(Documents, EveryPackageHasItsReason) {
  const std::string script = read_text(repository() / "scripts/install.sh");
  const std::string decisions = read_text(repository() / "docs/decisions.md");
  static const std::regex list(R"((packages|tests|dev)=\(([^)]*)\))");
  int count = 0;
  for (std::sregex_iterator it(script.begin(), script.end(), list), end; it != end; ++it) {
    std::istringstream words((*it)[2]);
    for (std::string package; words >> package; ++count)
      EXPECT_NE(decisions.find("`" + package + "`"), std::string::npos)
          << "docs/decisions.md does not say why " << package << " is needed";
  }
  EXPECT_GE(count, 15);
}

}  // namespace

// `stemma chat` as people and scripts use it.
#include <fstream>
#include <regex>

#include <poll.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/checkpoint/chat_model.h"
#include "tests/cli/program.h"

namespace {

using cli_test::Result;
using cli_test::Running;

class TerminalChat : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_ / "model");
    stemma::checkpoint::testing::write_chat_model(folder_ / "model", "\nh i");
  }
  std::string file(const std::string& name) const { return (folder_ / name).string(); }
  Result talk(std::vector<std::string> more, const std::string& lines) const {
    std::string command = std::string(STEMMA_BINARY) + " chat --seed 3 --max-tokens 8";
    for (const std::string& word : more) command += " '" + word + "'";
    cli_test::write_text(folder_ / "lines", lines);
    command += " < " + file("lines") + " > " + file("out") + " 2> " + file("err");
    const int status = std::system(command.c_str());
    Result r;
    r.code = WEXITSTATUS(status);
    r.out = cli_test::read_text(folder_ / "out");
    r.err = cli_test::read_text(folder_ / "err");
    return r;
  }

  TemporaryFolder folder_;
};

// The same words from a model here and from a server with it.
TEST_F(TerminalChat, LinesOfAPipeAreMessages) {
  const std::string lines = "hello\nwhat\\\nnow\n/tokens\n\"\"\"\none\ntwo\n\"\"\"\n";
  const Result here =
      talk({"--model", file("model"), "--temperature", "0.8", "--system", "Be"}, lines);
  EXPECT_EQ(here.code, 0) << here.err;
  EXPECT_FALSE(here.out.empty());
  EXPECT_NE(here.err.find(" of 160 tokens"), std::string::npos) << here.err;
  Running server({"serve", "--model", file("model"), "--port", "0"});
  std::smatch match;
  std::string said;
  ASSERT_TRUE(Running::wait_for([&] {
    said = server.err_so_far();
    return std::regex_search(said, match, std::regex("listening on (http://[^\n]*)\n"));
  })) << said;
  const Result there =
      talk({"--url", match[1].str(), "--temperature", "0.8", "--system", "Be"}, lines);
  EXPECT_EQ(there.code, 0) << there.err;
  EXPECT_EQ(there.out, here.out);
}

TEST_F(TerminalChat, WhatCannotBeAnsweredIsSaid) {
  const Result long_text =
      talk({"--model", file("model")}, "hello\n" + std::string(30, 'x') + "\n/nonsense\n");
  EXPECT_EQ(long_text.code, 1);
  EXPECT_NE(long_text.err.find("there is no command /nonsense"), std::string::npos);
  EXPECT_EQ(talk({}, "").code, 2);
  EXPECT_EQ(talk({"--model", file("nothing")}, "").code, 3);
  EXPECT_EQ(talk({"--url", "http://127.0.0.1:1/v1"}, "").code, 4);
  EXPECT_EQ(talk({"--url", "ftp://x/v1"}, "").code, 2);
  const Result unused = talk({"--url", "http://127.0.0.1:1/v1", "--weights", "bf16"}, "");
  EXPECT_EQ(unused.code, 2);
  EXPECT_NE(unused.err.find("--weights"), std::string::npos) << unused.err;
  EXPECT_EQ(talk({"--model", file("model"), "--key-file", "k"}, "").code, 2);
}

// A person at a terminal: Ctrl-C ends an answer, empties a line, and at last ends the program.
TEST_F(TerminalChat, InterruptsOnATerminal) {
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::setenv("XDG_STATE_HOME", file("state").c_str(), 1);
    ::setenv("TERM", "xterm", 1);
    const std::string model = file("model");
    ::execl(STEMMA_BINARY, "stemma", "chat", "--model", model.c_str(), nullptr);
    ::_exit(127);
  }
  std::string seen;
  const auto wait_for = [&](const std::string& text) {
    for (int i = 0; i < 200 && seen.find(text) == std::string::npos; ++i) {
      pollfd ready{terminal, POLLIN, 0};
      if (::poll(&ready, 1, 100) <= 0) continue;
      char bytes[4096];
      const auto got = ::read(terminal, bytes, sizeof(bytes));
      if (got <= 0) break;
      seen.append(bytes, static_cast<std::size_t>(got));
    }
    const bool found = seen.find(text) != std::string::npos;
    EXPECT_TRUE(found) << "no '" << text << "' in: " << seen;
    seen.erase(0, found ? seen.find(text) + text.size() : 0);
  };
  const auto type = [&](const std::string& text) {
    ASSERT_EQ(::write(terminal, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  };
  wait_for("Ctrl-D ends");
  type("hello\n");
  wait_for("a second");
  type("half\x03/tokens\n");
  wait_for("of 160 tokens");
  wait_for("> ");
  type("\x03");
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  ::close(terminal);
  struct stat history = {};
  ASSERT_EQ(::stat((folder_ / "state" / "stemma" / "chat_history").c_str(), &history), 0);
  EXPECT_EQ(history.st_mode & 0777, 0600u);
}

}  // namespace

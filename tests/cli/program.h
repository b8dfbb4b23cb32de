// Runs the real binary.
//
//   const Result r = run({"info", "--model", "gpt2", "--json"});
//   EXPECT_EQ(r.code, 0) << r.err;
#pragma once

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "tests/base/temporary_folder.h"

namespace cli_test {

struct Result {
  int code = -1;   // the exit code; -1 where a signal ended the program
  int signal = 0;  // that signal
  std::string out, err;

  // Standard output as one JSON object and nothing else.
  stemma::Json json() const { return stemma::Json::parse(out, "standard output"); }
};

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
inline void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// The program while it runs; its output goes to files. `log`: its STEMMA_LOG.
class Running {
 public:
  explicit Running(std::vector<std::string> arguments, const char* out_path = nullptr,
                   const char* log = nullptr) {
    const std::string out = out_path ? out_path : (folder_ / "out").string();
    const std::string err = (folder_ / "err").string();
    arguments.insert(arguments.begin(), STEMMA_BINARY);
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    redirect(out.c_str(), STDOUT_FILENO);
    redirect(err.c_str(), STDERR_FILENO);
    ::unsetenv("STEMMA_LOG");
    if (log) ::setenv("STEMMA_LOG", log, 1);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ~Running() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  void send(int signal) const { ::kill(pid_, signal); }
  std::string out_so_far() const { return read_text(folder_ / "out"); }
  std::string err_so_far() const { return read_text(folder_ / "err"); }
  // Waits until `condition`, at most a minute; false when it never came true.
  static bool wait_for(const std::function<bool()>& condition) {
    for (int i = 0; i < 30'000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return false;
  }
  Result wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    Result result;
    if (WIFEXITED(status)) result.code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
    result.out = out_so_far();
    result.err = read_text(folder_ / "err");
    return result;
  }

 private:
  static void redirect(const char* path, int descriptor) {
    const int file = ::open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(file, descriptor);
    ::close(file);
  }

  TemporaryFolder folder_;
  pid_t pid_ = -1;
};

inline Result run(const std::vector<std::string>& arguments) { return Running(arguments).wait(); }

// A text of words in sentences, the same every time.
inline std::string sample_text(int sentences) {
  static const char* const words[] = {"the",   "tree",  "grows", "slowly", "and",  "a",
                                      "small", "bird",  "sings", "in",     "its",  "branches",
                                      "until", "night", "falls", "over",   "hill", "river"};
  std::string text;
  unsigned state = 12345;
  for (int s = 0; s < sentences; ++s) {
    for (int w = 0; w < 9; ++w) {
      state = state * 1664525u + 1013904223u;
      text += std::string(w ? " " : "") + words[(state >> 16) % std::size(words)];
    }
    text += s % 4 == 3 ? ".\n\n" : ".\n";
  }
  return text;
}

// A tokenizer of 300 ids in folder/tokenizer, trained on folder/text.txt.
inline void make_tokenizer(const std::filesystem::path& folder, int sentences = 700) {
  write_text(folder / "text.txt", sample_text(sentences));
  const Result r = run({"tokenizer", "train", "--input", folder / "text.txt", "--vocab-size", "300",
                        "--output", folder / "tokenizer"});
  ASSERT_EQ(r.code, 0) << r.err;
}

// Arguments of a training run on folder/text.txt.
inline std::vector<std::string> train_arguments(const std::filesystem::path& folder,
                                                const std::string& run_name, int steps) {
  return {"train",
          "--run",
          folder / run_name,
          "--data",
          folder / "text.txt",
          "--tokenizer",
          folder / "tokenizer",
          "--depth",
          "1",
          "--sequence-length",
          "64",
          "--batch",
          "8",
          "--steps",
          std::to_string(steps),
          "--eval-every",
          "0",
          "--precision",
          "f32",
          "--json"};
}

inline std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(STEMMA_SOURCE_DIR) / "tests/golden/fixtures" / name;
}

}  // namespace cli_test

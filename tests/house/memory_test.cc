// The seam along which other devices come: operations, parts of models and models never look into
// a tensor's memory. They hand tensors to kernels, and read results through kernels/host.h; where
// the memory lies is known to kernels/ and below.
#include <map>
#include <regex>

#include <gtest/gtest.h>

#include "tests/house/source_text.h"

namespace house {
namespace {

// Where weights are made and filled, which happens in the host's memory, before anything runs.
const std::map<std::string, std::string> kOnTheHost = {
    {"src/nn/parameters.h", "flat spans of weights and gradients for optimiser and checkpoints"},
    {"src/nn/fresh_weights.cc", "draws initial weights"},
};

const std::regex& memory_access() {
  static const std::regex pattern(R"((\.|->)\s*(template\s+)?(raw\s*\(|data\s*<))");
  return pattern;
}

TEST(Memory, IsTouchedByKernelsOnly) {
  for (const char* room : {"src/ops", "src/nn", "src/models"})
    for (const SourceFile& file : files_under(room)) {
      if (!is_code(file.path) || kOnTheHost.contains(file.path)) continue;
      int number = 0;
      for (const std::string& line : lines_of(file.code)) {
        ++number;
        EXPECT_FALSE(std::regex_search(line, memory_access()))
            << file.path << ":" << number << ": " << line
            << "\n  hand the tensor to a kernel, or read it through kernels/host.h";
      }
    }
}

TEST(Memory, TheExceptionsAreStillNeeded) {
  for (const auto& [path, reason] : kOnTheHost)
    EXPECT_TRUE(std::regex_search(read_text(repository() / path), memory_access()))
        << path << " touches no tensor memory any more: take it off the list (" << reason << ")";
}

// Which kernels run is the device's business (kernels::preferred_multiply).
TEST(Memory, OperationsKnowNoDevice) {
  const std::regex device(R"(^\s*#\s*include\s*"(device/cpu|kernels/(cpu|cuda)/).*)");
  for (const char* room : {"src/ops", "src/nn", "src/models"})
    for (const SourceFile& file : files_under(room))
      for (const std::string& line : lines_of(file.text))
        EXPECT_FALSE(std::regex_match(line, device)) << file.path << ": " << line;
}

TEST(Memory, TheRuleSeesEveryWayToSayIt) {
  for (const char* line : {"x.raw()", "x->raw ()", "y.data<float>()[0]", "t.template data<T>()"})
    EXPECT_TRUE(std::regex_search(line, memory_access())) << line;
  for (const char* line : {"blocks_[block_].data.get()", "ids.data()", "value(kept).rows()"})
    EXPECT_FALSE(std::regex_search(line, memory_access())) << line;
}

}  // namespace
}  // namespace house

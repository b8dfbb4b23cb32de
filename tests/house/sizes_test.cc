// The size table of the house. Above a limit stands a reason in size_allow_list.txt, one a line:
//
//   src/kernels/cpu/matmul/matmul.cc  one microkernel per shape reads better in one place
//   src/kernels/cpu/matmul/matmul.cc:pack  ...             (a function: its length or parameters)
//
//                    aim  ask why  needs a reason
//   source file      250      400             600
//   kernel file      300      500             700
//   header           150      250             350
//   function          40       60             100
//   parameters         5        7               8
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "tests/house/functions.h"
#include "tests/house/source_text.h"

namespace house {
namespace {

constexpr int kSourceLines = 600, kKernelLines = 700, kHeaderLines = 350;
constexpr int kFunctionLines = 100, kParameters = 8;

int limit_lines(const std::string& path) {
  if (is_header(path)) return kHeaderLines;
  return path.starts_with("src/kernels/") ? kKernelLines : kSourceLines;
}

// Path or path:function -> reason.
std::map<std::string, std::string> allow_list() {
  std::map<std::string, std::string> allowed;
  for (const std::string& line :
       lines_of(read_text(repository() / "tests/house/size_allow_list.txt"))) {
    if (line.empty() || line.starts_with("#")) continue;
    const std::size_t space = line.find(' ');
    const std::size_t reason = line.find_first_not_of(' ', space);
    EXPECT_NE(reason, line.npos) << "size_allow_list.txt: a reason is missing: " << line;
    allowed[line.substr(0, space)] = reason == line.npos ? "" : line.substr(reason);
  }
  return allowed;
}

// What is above its limit, with the sentence that says so.
std::map<std::string, std::string> offenders() {
  std::map<std::string, std::string> result;
  const auto say = [&](const std::string& name, int size, const char* unit, int limit) {
    if (size > limit)
      result[name] = name + " has " + std::to_string(size) + " " + unit + ", the limit is " +
                     std::to_string(limit);
  };
  for (const SourceFile& file : files_under("src")) {
    if (!is_code(file.path)) continue;
    say(file.path, static_cast<int>(lines_of(file.text).size()), "lines", limit_lines(file.path));
    for (const Function& function : find_functions(file.code)) {
      say(file.path + ":" + function.name, function.lines, "lines", kFunctionLines);
      say(file.path + ":" + function.name, function.parameters, "parameters", kParameters);
    }
  }
  return result;
}

TEST(Sizes, StayBelowTheLimitsOrHaveAReason) {
  const auto allowed = allow_list();
  for (const auto& [name, sentence] : offenders())
    EXPECT_TRUE(allowed.contains(name))
        << sentence << ": make it smaller, or give the reason in tests/house/size_allow_list.txt";
}

TEST(Sizes, EveryReasonIsStillNeeded) {
  const auto large = offenders();
  for (const auto& [name, reason] : allow_list())
    EXPECT_TRUE(large.contains(name)) << name << " is within the limits: take it off the list";
}

}  // namespace
}  // namespace house

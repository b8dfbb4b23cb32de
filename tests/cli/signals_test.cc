// Ctrl-C, SIGTERM and kill -9: what was saved is whole, and the run goes on as if nothing had been.
#include <algorithm>
#include <map>
#include <sstream>

#include "tests/cli/program.h"

namespace cli_test {
namespace {

using stemma::Json;
constexpr int kSteps = 120;

int lines_in(const std::filesystem::path& file) {
  const std::string text = read_text(file);
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

// Step -> what the step computed; times left out.
std::map<std::int64_t, std::string> course(const std::filesystem::path& run_folder) {
  std::map<std::int64_t, std::string> steps;
  std::istringstream file(read_text(run_folder / "metrics.jsonl"));
  for (std::string line; std::getline(file, line);) {
    const Json json = Json::parse(line, "metrics.jsonl");
    const auto step = json.at("step").as_int();
    EXPECT_FALSE(steps.contains(step)) << "step " << step << " stands there twice";
    steps[step] = json.at("loss").dump() + " " + json.at("grad_norm").dump() + " " +
                  json.at("lr").dump() + " " + json.at("tokens").dump();
  }
  return steps;
}

class Signals : public ::testing::Test {
 protected:
  void SetUp() override { make_tokenizer(folder_.path()); }

  std::vector<std::string> arguments(const std::string& name) const {
    auto all = train_arguments(folder_.path(), name, kSteps);
    all.insert(all.end(), {"--save-every", "20"});
    return all;
  }
  // Starts a run and sends it a signal after `steps` steps.
  Result interrupt(const std::string& name, int steps, int signal) const {
    Running running(arguments(name));
    const auto metrics = folder_ / (name + "/metrics.jsonl");
    EXPECT_TRUE(Running::wait_for([&] { return lines_in(metrics) >= steps; }));
    running.send(signal);
    return running.wait();
  }
  Result resume(const std::string& name) const {
    return run({"train", "--run", folder_ / name, "--resume", "auto", "--json"});
  }
  std::string final_weights(const std::string& name) const {
    return read_text(folder_ / (name + "/checkpoints/step-00000120/model.safetensors"));
  }

  TemporaryFolder folder_;
};

TEST_F(Signals, ARunGoesOnBitForBit) {
  const Result whole = run(arguments("whole"));
  ASSERT_EQ(whole.code, 0) << whole.err;
  const auto expected = course(folder_ / "whole");
  ASSERT_EQ(expected.size(), static_cast<std::size_t>(kSteps));

  const Result stopped = interrupt("ctrl-c", 3, SIGINT);
  EXPECT_EQ(stopped.code, 130) << stopped.err;
  const Json report = stopped.json();
  EXPECT_EQ(report.at("signal").as_int(), SIGINT);
  EXPECT_GE(report.at("steps").as_int(), 3);
  EXPECT_LT(report.at("steps").as_int(), kSteps);
  EXPECT_EQ(course(folder_ / "ctrl-c").size(),
            static_cast<std::size_t>(report.at("steps").as_int()));
  // What was saved is a model.
  EXPECT_EQ(
      run({"generate", "--model", folder_ / "ctrl-c", "--prompt", "the", "--max-tokens", "2"}).code,
      0);

  const Result terminated = interrupt("term", 3, SIGTERM);
  EXPECT_EQ(terminated.code, 143) << terminated.err;

  const Result killed = interrupt("kill", 30, SIGKILL);
  EXPECT_EQ(killed.signal, SIGKILL);

  for (const std::string name : {"ctrl-c", "term", "kill"}) {
    const Result resumed = resume(name);
    ASSERT_EQ(resumed.code, 0) << name << ": " << resumed.err;
    EXPECT_EQ(resumed.json().at("steps").as_int(), kSteps);
    EXPECT_EQ(course(folder_ / name), expected) << name;
    EXPECT_FALSE(final_weights(name).empty());
    EXPECT_TRUE(final_weights(name) == final_weights("whole")) << name << ": other weights";
  }
}

TEST_F(Signals, KilledBeforeTheFirstCheckpointBeginsAgain) {
  const Result killed = interrupt("early", 2, SIGKILL);
  EXPECT_EQ(killed.signal, SIGKILL);
  const Result again = resume("early");
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(course(folder_ / "early").size(), static_cast<std::size_t>(kSteps));
}

// A step of a million micro-batches does not have to end first.
TEST_F(Signals, ALongStepEndsAtItsNextMicroBatch) {
  auto all = train_arguments(folder_.path(), "large", kSteps);
  all[static_cast<std::size_t>(std::find(all.begin(), all.end(), "--batch") - all.begin()) + 1] =
      "8000000";
  all.insert(all.end(), {"--micro-batch", "8"});
  Running running(all);
  const auto started = [&] { return running.err_so_far().find("steps of") != std::string::npos; };
  ASSERT_TRUE(Running::wait_for(started));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  running.send(SIGTERM);
  const Result r = running.wait();
  EXPECT_EQ(r.code, 143) << r.err;
  EXPECT_EQ(r.json().at("steps").as_int(), 0);
  EXPECT_TRUE(r.json().at("loss").is_null());
}

TEST_F(Signals, GeneratePrintsWhatItHas) {
  auto all = train_arguments(folder_.path(), "long", 1);
  all.insert(all.end(), {"--sequence-length", "4096"});
  // The later value stands; the earlier one goes.
  std::vector<std::string> arguments;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i] == "--sequence-length" && all[i + 1] == "64")
      ++i;
    else if (all[i] == "--batch")
      ++i;
    else
      arguments.push_back(all[i]);
  }
  arguments.insert(arguments.end(), {"--batch", "1"});
  const Result trained = run(arguments);
  ASSERT_EQ(trained.code, 0) << trained.err;
  Running running({"generate", "--model", folder_ / "long", "--prompt", "the", "--max-tokens",
                   "4000", "--ignore-eot", "--temperature", "1"});
  ASSERT_TRUE(Running::wait_for([&] { return !running.out_so_far().empty(); }));
  running.send(SIGINT);
  const Result r = running.wait();
  EXPECT_EQ(r.code, 130) << r.err;
  EXPECT_NE(r.err.find("cancelled"), r.err.npos) << r.err;
  EXPECT_FALSE(r.out.empty());
}

TEST_F(Signals, OtherLongWorkEndsToo) {
  Running bench({"bench", "train", "--model", fixture("gpt2-random") / "config.json", "--seq", "32",
                 "--steps", "1000000", "--json"});
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  bench.send(SIGTERM);
  EXPECT_EQ(bench.wait().code, 143);
}

}  // namespace
}  // namespace cli_test

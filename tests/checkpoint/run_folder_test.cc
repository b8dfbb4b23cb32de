#include "checkpoint/run_folder.h"

#include <algorithm>
#include <csignal>

#include <sys/resource.h>
#include <sys/wait.h>

#include "checkpoint/checkpoint_source.h"
#include "tests/checkpoint/support.h"

namespace stemma::checkpoint {
namespace {

using namespace testing;

TEST(TrainingState, RoundTrips) {
  TrainingState state;
  state.step = 100;
  state.sequences_consumed = 3200;
  state.tokens = std::int64_t{1} << 60;
  state.seed = ~0ull;
  state.recipe_hash = 0x0123456789abcdefull;
  state.extra = Json::object({{"precision", "f32"}, {"best", 2.25}});
  const std::string text = to_json(state).dump(2);
  EXPECT_EQ(parse_training_state(Json::parse(text, "s"), "s"), state);
  EXPECT_NE(text.find("\"ffffffffffffffff\""), std::string::npos);
}

TEST(TrainingState, RefusesDamage) {
  const std::string good = to_json(TrainingState{}).dump();
  const auto refuse = [&](std::string_view from, std::string_view to, const std::string& word) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    expect_error(ErrorCode::corrupt, {word, "state.json"},
                 [&] { parse_training_state(Json::parse(text, "state.json"), "state.json"); });
  };
  refuse("\"step\"", "\"stop\"", "step");
  refuse("\"tokens\": 0", "\"tokens\": -1", "tokens");
  refuse("\"tokens\": 0", "\"tokens\": \"0\"", "");
  refuse("\"seed\": \"0000000000000000\"", "\"seed\": \"000000000000000g\"", "seed");
  refuse("\"seed\": \"0000000000000000\"", "\"seed\": \"1\"", "seed");
  expect_error(ErrorCode::corrupt, {"s"}, [] { parse_training_state(Json(3), "s"); });
}

class RunFolder : public ::testing::Test {
 protected:
  RunFolder() {
    config_.model = tiny_config("gpt2");
    parameters_ = counting_parameters(config_.model);
    optimizer_ = {{"m.embedding.tokens", counting({11, 6}, -1)},
                  {"v.embedding.tokens", counting({11, 6}, 1)}};
  }
  fs::path write(std::int64_t step) {
    TrainingState state;
    state.step = step;
    state.sequences_consumed = 8 * step;
    state.seed = 42;
    return write_checkpoint(run(), {.model = {.config = config_, .parameters = parameters_},
                                    .optimizer = optimizer_,
                                    .state = state});
  }
  fs::path run() const { return scratch_ / "run"; }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : fs::directory_iterator(run() / "checkpoints"))
      all.push_back(entry.path().filename().string());
    std::sort(all.begin(), all.end());
    return all;
  }

  ScratchFolder scratch_;
  ConfigFile config_;
  std::vector<NamedTensor> parameters_, optimizer_;
};

TEST_F(RunFolder, WritesAndFindsTheNewest) {
  EXPECT_EQ(write(100), run() / "checkpoints/step-00000100");
  write(99);
  write(123456789);  // more digits than the padding
  const FoundCheckpoint found = newest_checkpoint(run());
  EXPECT_EQ(found.folder, run() / "checkpoints/step-123456789");
  EXPECT_EQ(found.state.step, 123456789);
  EXPECT_EQ(found.state.seed, 42u);
  EXPECT_TRUE(found.warnings.empty());
  CheckpointSource source(found.folder, Memory::own);
  EXPECT_TRUE(same_tensor(parameter(source, "embedding.tokens"), parameters_[0].tensor));
  const auto optimizer = read_optimizer(found.folder);
  ASSERT_EQ(optimizer.size(), 2u);
  EXPECT_EQ(optimizer[1].name, "v.embedding.tokens");
  EXPECT_TRUE(same_tensor(optimizer[1].tensor, optimizer_[1].tensor));
}

TEST_F(RunFolder, ReplacesTheSameStepAndSweepsPartials) {
  write(5);
  put(run() / "checkpoints/step-00000009.partial/model.safetensors", "half");
  EXPECT_EQ(newest_checkpoint(run()).state.step, 5);  // a partial folder is not a checkpoint
  parameters_[0].tensor.data<float>()[0] = 77;
  write(5);
  EXPECT_EQ(names(), (std::vector<std::string>{"step-00000005"}));
  CheckpointSource source(newest_checkpoint(run()).folder, Memory::own);
  EXPECT_EQ(parameter(source, "embedding.tokens").data<float>()[0], 77);
}

// Every file of a checkpoint in turn: one bit changed, cut short, deleted.
TEST_F(RunFolder, FallsBackFromEveryDamage) {
  write(1);
  const fs::path newest = write(2);
  for (const char* name : {"model.safetensors", "optimizer.safetensors", "config.json",
                           "generation_config.json", "state.json"}) {
    for (const char* damage : {"bit", "cut", "gone"}) {
      SCOPED_TRACE(std::string(name) + " " + damage);
      const std::string bytes = get(newest / name);
      std::string changed = bytes;
      changed[changed.size() / 2] ^= 4;
      if (std::string_view(damage) == "gone")
        fs::remove(newest / name);
      else
        put(newest / name, damage[0] == 'b' ? changed : bytes.substr(0, bytes.size() / 2));
      const FoundCheckpoint found = newest_checkpoint(run());
      EXPECT_EQ(found.state.step, 1);
      ASSERT_EQ(found.warnings.size(), 2u);
      EXPECT_NE(found.warnings[0].find("step-00000002"), std::string::npos) << found.warnings[0];
      EXPECT_NE(found.warnings[0].find(name), std::string::npos) << found.warnings[0];
      EXPECT_NE(found.warnings[1].find("step-00000001"), std::string::npos) << found.warnings[1];
      put(newest / name, bytes);
      EXPECT_EQ(newest_checkpoint(run()).state.step, 2);
    }
  }
}

TEST_F(RunFolder, RefusesAStateThatLeavesItsFolder) {
  const fs::path folder = write(3);
  std::string text = get(folder / "state.json");
  const std::string from = "\"config.json\"";
  text.replace(text.find(from), from.size(), "\"../config.json\"");
  put(folder / "state.json", text);
  expect_error(ErrorCode::corrupt, {"outside"}, [&] { verify_checkpoint(folder); });
}

TEST_F(RunFolder, SaysWhatItLookedFor) {
  expect_error(ErrorCode::not_found, {"run/checkpoints", "step-"},
               [&] { newest_checkpoint(run()); });
  const fs::path folder = write(7);
  fs::remove(folder / "model.safetensors");
  expect_error(ErrorCode::corrupt, {"every checkpoint", "model.safetensors"},
               [&] { newest_checkpoint(run()); });
}

// The optimizer's file can be deleted to save space: what is left is a whole model.
TEST_F(RunFolder, AModelNeedsNoOptimizer) {
  write(5);
  const fs::path folder = write(7);
  fs::remove(folder / "optimizer.safetensors");
  EXPECT_EQ(resolve_model_folder(run()).folder, folder);
  EXPECT_TRUE(resolve_model_folder(run()).warnings.empty());
  EXPECT_EQ(newest_checkpoint(run()).state.step, 5);  // to go on from
  fs::remove(run() / "checkpoints/step-00000005/optimizer.safetensors");
  EXPECT_EQ(resolve_model_folder(run()).folder, folder);
  expect_error(ErrorCode::corrupt, {"optimizer.safetensors"}, [&] { newest_checkpoint(run()); });
}

TEST_F(RunFolder, ResolvesModels) {
  const fs::path folder = write(7);
  expect_error(ErrorCode::not_found, {"gpt2", "published size", "not shipped", "get-model.sh"},
               [&] { resolve_model_folder("gpt2"); });
  EXPECT_EQ(resolve_model_folder(run()).folder, folder);
  EXPECT_EQ(resolve_model_folder(folder).folder, folder);
  expect_error(ErrorCode::not_found, {"nowhere", "no such folder", "config.json", "checkpoints/"},
               [&] { resolve_model_folder(scratch_ / "nowhere"); });
  expect_error(ErrorCode::not_found, {"no config.json"},
               [&] { resolve_model_folder(scratch_.path()); });
  fs::create_directories(scratch_ / "bare");
  put(scratch_ / "bare/config.json", "{}");
  expect_error(ErrorCode::not_found, {"no weights"},
               [&] { resolve_model_folder(scratch_ / "bare"); });
  expect_error(ErrorCode::not_found, {"is a file"},
               [&] { resolve_model_folder(scratch_ / "bare/config.json"); });
}

// Writes that fail half way, as they do on a full disk: here the limit on a file's size.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limited{bytes, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limited);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_{};
  void (*old_handler_)(int);
};

TEST_F(RunFolder, AFailedWriteLeavesTheOldCheckpoint) {
  const fs::path old = write(1);
  const auto size = fs::file_size(old / "model.safetensors");
  for (const rlim_t limit : {rlim_t{100}, static_cast<rlim_t>(size - 1)}) {
    const FileSizeLimit full(limit);
    expect_error(ErrorCode::device, {"model.safetensors"}, [&] { write(2); });
    expect_error(ErrorCode::device, {"model.safetensors"}, [&] { write(1); });
  }
  EXPECT_EQ(names(), (std::vector<std::string>{"step-00000001"}));
  EXPECT_EQ(newest_checkpoint(run()).state.step, 1);
  write(2);
  EXPECT_EQ(newest_checkpoint(run()).state.step, 2);
}

// A process killed at any moment of the writing: whole or absent.
TEST_F(RunFolder, AKilledWriterLeavesWholeCheckpoints) {
  write(1);
  for (int round = 0; round < 12; ++round) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      try {
        for (std::int64_t step = 1;; step = step % 3 + 1) write(step);
      } catch (...) {
        _exit(1);
      }
    }
    usleep(static_cast<useconds_t>(3000 + 2500 * round));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    const FoundCheckpoint found = newest_checkpoint(run());
    EXPECT_TRUE(found.warnings.empty()) << found.warnings[0];
    CheckpointSource source(found.folder, Memory::own);
    EXPECT_TRUE(same_tensor(parameter(source, "embedding.tokens"), parameters_[0].tensor));
  }
}

}  // namespace
}  // namespace stemma::checkpoint

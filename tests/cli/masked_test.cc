// An encoder learns masked tokens and pairs from the command line, stops and goes on.
#include <algorithm>
#include <sstream>

#include "tests/cli/program.h"

namespace cli_test {
namespace {

using stemma::Json;

class Masked : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n.\n";
    for (const char* word : {"the", "tree", "grows", "slowly", "and", "a", "small", "bird", "sings",
                             "in", "its", "branches", "until", "night", "falls", "over", "hill"})
      vocabulary += std::string(word) + "\n";
    std::filesystem::create_directories(folder_ / "tokenizer");
    write_text(folder_ / "tokenizer/vocab.txt", vocabulary);
    // A document for every fourth sentence.
    std::string text = sample_text(400);
    for (std::size_t at = 0; (at = text.find("\n\n", at)) != std::string::npos; at += 2)
      text.replace(at, 2, "\n<|endoftext|>\n");
    write_text(folder_ / "text.txt", text);
  }
  static void set(std::vector<std::string>& all, const std::string& flag,
                  const std::string& value) {
    const auto found = std::find(all.begin(), all.end(), flag);
    if (found == all.end())
      all.insert(all.end(), {flag, value});
    else
      *(found + 1) = value;
  }
  std::vector<std::string> arguments(const std::string& name) const {
    auto all = train_arguments(folder_.path(), name, 40);
    set(all, "--family", "bert");
    set(all, "--eval-every", "20");
    set(all, "--save-every", "10");
    set(all, "--validation-fraction", "0.2");
    return all;
  }
  std::vector<Json> metrics(const std::string& name) const {
    std::vector<Json> lines;
    std::istringstream file(read_text(folder_ / (name + "/metrics.jsonl")));
    for (std::string line; std::getline(file, line);)
      lines.push_back(Json::parse(line, "metrics.jsonl"));
    return lines;
  }
  std::string weights(const std::string& name) const {
    return read_text(folder_ / (name + "/checkpoints/step-00000040/model.safetensors"));
  }
  TemporaryFolder folder_;
};

TEST_F(Masked, MetricsHaveTheColumnsOfTheObjective) {
  const Result r = run(arguments("run"));
  ASSERT_EQ(r.code, 0) << r.err;
  for (const char* key :
       {"loss", "val_loss", "val_mlm_loss", "val_mlm_accuracy", "val_nsp_loss", "val_nsp_accuracy"})
    EXPECT_TRUE(r.json().at(key).is_number()) << key;
  EXPECT_EQ(r.json().find("val_bits_per_byte"), nullptr);
  int steps = 0, evaluations = 0;
  for (const Json& line : metrics("run")) {
    if (line.find("loss")) {
      ++steps;
      EXPECT_DOUBLE_EQ(line.at("loss").as_double(),
                       line.at("mlm_loss").as_double() + line.at("nsp_loss").as_double());
    } else {
      ++evaluations;
      EXPECT_TRUE(line.at("val_mlm_accuracy").is_number());
    }
  }
  EXPECT_EQ(steps, 40);
  EXPECT_EQ(evaluations, 2);
  EXPECT_NE(read_text(folder_ / "run/recipe.toml").find("objective = \"mlm\""), std::string::npos);
}

TEST_F(Masked, ARunThatWasStoppedGoesOnBitForBit) {
  ASSERT_EQ(run(arguments("whole")).code, 0);
  Running running(arguments("stopped"));
  EXPECT_TRUE(Running::wait_for(
      [&] { return std::filesystem::exists(folder_ / "stopped/checkpoints/step-00000010"); }));
  running.send(SIGKILL);
  running.wait();
  const Result resumed = run({"train", "--run", folder_ / "stopped", "--resume", "auto", "--json"});
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_FALSE(weights("whole").empty());
  EXPECT_TRUE(weights("stopped") == weights("whole"));
}

TEST_F(Masked, AnObjectiveThatDoesNotFitIsNamed) {
  auto bert = arguments("lm");
  set(bert, "--objective", "lm");
  const Result lm = run(bert);
  EXPECT_EQ(lm.code, 3);
  EXPECT_NE(lm.err.find("objective lm does not train a model of family bert"), std::string::npos)
      << lm.err;
  auto gpt = train_arguments(folder_.path(), "gpt", 3);
  set(gpt, "--objective", "mlm");
  const Result mlm = run(gpt);
  EXPECT_EQ(mlm.code, 3);
  EXPECT_NE(mlm.err.find("objective mlm does not train a model of family gpt2"), std::string::npos)
      << mlm.err;
}

TEST_F(Masked, APackingOfTheOtherObjectiveIsRefused) {
  auto packed = arguments("documents");
  packed.insert(packed.end(), {"--pack", "documents"});
  const Result r = run(packed);
  EXPECT_EQ(r.code, 2);
  EXPECT_NE(r.err.find("pack is a choice of objective lm"), std::string::npos) << r.err;
}

TEST_F(Masked, ATokenizerWithoutAMaskIsNamed) {
  auto all = arguments("bytes");
  set(all, "--tokenizer", "bytes");
  const Result r = run(all);
  EXPECT_EQ(r.code, 3) << r.err;
  EXPECT_NE(r.err.find("[MASK]"), std::string::npos) << r.err;
}

}  // namespace
}  // namespace cli_test

// Help, machine-readable output, benches: what every command promises.
#include <algorithm>

#include "tests/cli/program.h"

namespace cli_test {
namespace {

using stemma::Json;

const std::vector<std::vector<std::string>>& commands() {
  static const std::vector<std::vector<std::string>> list = {{"tokenizer", "train"},
                                                             {"tokenizer", "encode"},
                                                             {"tokenizer", "decode"},
                                                             {"tokenizer", "convert"},
                                                             {"tokenizer", "count"},
                                                             {"tokenizer", "inspect"},
                                                             {"tokenizer", "bench"},
                                                             {"data", "pack"},
                                                             {"data", "inspect"},
                                                             {"train"},
                                                             {"generate"},
                                                             {"logits"},
                                                             {"hidden"},
                                                             {"embed"},
                                                             {"eval", "perplexity"},
                                                             {"info"},
                                                             {"bench", "train"},
                                                             {"bench", "prefill"},
                                                             {"bench", "decode"},
                                                             {"doctor"}};
  return list;
}

TEST(Help, TheOverviewNamesEveryCommand) {
  const Result r = run({});
  EXPECT_EQ(r.code, 0);
  for (const auto& command : commands())
    EXPECT_NE(
        r.out.find("  " + command.front() + (command.size() > 1 ? " " + command.back() : " ")),
        r.out.npos)
        << command.front();
  EXPECT_TRUE(run({"--version"}).out.starts_with("stemma 0."));
}

TEST(Help, EveryOptionHasAnExampleThatIsWrittenAsOneTypesIt) {
  for (auto arguments : commands()) {
    arguments.push_back("--help");
    const Result r = run(arguments);
    ASSERT_EQ(r.code, 0) << r.err;
    EXPECT_NE(r.out.find("Examples:\n  "), r.out.npos);
    EXPECT_NE(r.out.find("STEMMA_THREADS"), r.out.npos);
    EXPECT_NE(r.out.find("STEMMA_KERNELS"), r.out.npos);
    std::size_t options = 0, examples = 0;
    for (std::size_t at = 0; (at = r.out.find("\n  --", at)) != r.out.npos; ++at) ++options;
    for (std::size_t at = 0; (at = r.out.find("example: --", at)) != r.out.npos; ++at) ++examples;
    // An example may stand on a line of its own after a break.
    for (std::size_t at = 0; (at = r.out.find("example:\n      --", at)) != r.out.npos; ++at)
      ++examples;
    EXPECT_EQ(options, examples) << arguments.front();
    EXPECT_GT(options, 0u);
  }
}

TEST(Info, CountsGpt2AsThePaperDoes) {
  const Result r = run({"info", "--model", "gpt2", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  const Json model = r.json().at("model");
  const std::int64_t parameters = 124'439'808;  // transformers' count of gpt2
  EXPECT_EQ(model.at("parameters").as_int(), parameters);
  EXPECT_DOUBLE_EQ(model.at("training_flop_per_token").as_double(),
                   6.0 * static_cast<double>(parameters - 1024 * 768) + 6.0 * 12 * 1024 * 768);
  // 2 · (P − embeddings) + 2·V·C + 4·L·C·T
  EXPECT_DOUBLE_EQ(model.at("decode_flop_per_token").as_double(),
                   2.0 * static_cast<double>(parameters - (50257 + 1024) * 768) +
                       2.0 * 50257 * 768 + 4.0 * 12 * 768 * 1024);
}

// An encoder has states; what writes text or scores the next token says why it cannot.
TEST(Encoder, HasStatesAndRefusesToWrite) {
  const std::string bert = fixture("bert-random");
  const Result info = run({"info", "--model", bert, "--json"});
  ASSERT_EQ(info.code, 0) << info.err;
  EXPECT_EQ(info.json().at("model").at("parameters").as_int(), 39876);  // counted by transformers
  EXPECT_EQ(info.json().at("model").at("segments").as_int(), 3);
  EXPECT_EQ(info.json().at("model").find("decode_flop_per_token"), nullptr);
  const TemporaryFolder folder;
  const std::string output = folder / "out.safetensors";
  const Result hidden = run({"hidden", "--model", bert, "--ids", "1,2,3,4", "--segments", "0,0,1,2",
                             "--output", output, "--json"});
  ASSERT_EQ(hidden.code, 0) << hidden.err;
  EXPECT_EQ(hidden.json().at("tokens").as_int(), 4);
  EXPECT_EQ(hidden.json().at("channels").as_int(), 30);
  // This one has a head for masked tokens.
  const Result logits = run({"logits", "--model", bert, "--ids", "1,2", "--output", output});
  EXPECT_EQ(logits.code, 0) << logits.err;
  const Result prefill = run({"bench", "prefill", "--model", bert, "--batch", "2", "--seq", "5",
                              "--steps", "1", "--json"});
  EXPECT_EQ(prefill.code, 0) << prefill.err;
  EXPECT_GT(prefill.json().at("tflops").as_double(), 0);
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"generate", "--model", bert, "--ids", "1,2"},
           {"eval", "perplexity", "--model", bert, "--text", STEMMA_SOURCE_DIR "/README.md"},
           {"bench", "decode", "--model", bert, "--seq", "5"}}) {
    const Result r = run(arguments);
    EXPECT_EQ(r.code, 3) << arguments.front() << r.err;
    EXPECT_NE(r.err.find("bert-random"), r.err.npos) << r.err;
    EXPECT_NE(r.err.find("encoder"), r.err.npos) << r.err;
  }
  const Result embed = run({"embed", "--model", bert, "--text", "x"});
  EXPECT_EQ(embed.code, 3);
  EXPECT_NE(embed.err.find("has no tokenizer"), embed.err.npos) << embed.err;
  EXPECT_EQ(run({"embed", "--model", bert}).code, 2);
}

TEST(Info, KnowsModelFoldersAndTokenizers) {
  const Result r = run({"info", fixture("gpt2-random"), "--tokenizer", "gpt2", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.json().at("model").at("context").as_int(), 37);
  EXPECT_EQ(r.json().at("tokenizer").at("end_of_text").as_int(), 50256);
}

TEST(Bench, ReportsWhatInterfacesNeed) {
  for (const std::string what : {"train", "prefill", "decode"}) {
    const Result r = run({"bench", what, "--model", fixture("gpt2-random") / "config.json",
                          "--batch", "2", "--seq", "16", "--steps", "3", "--json"});
    ASSERT_EQ(r.code, 0) << what << ": " << r.err;
    const Json json = r.json();
    EXPECT_EQ(json.at("step_seconds").as_array().size(), 3u);
    for (const char* key : {"tokens_per_s", "tflops", "share_of_peak"})
      EXPECT_GT(json.at(key).as_double(), 0) << what << " " << key;
    EXPECT_GT(json.at("peak_memory_bytes").as_int(), 1'000'000);
    EXPECT_GT(json.at("peaks").at("f32").as_double(), 1e9);
    EXPECT_FALSE(json.at("kernels").as_string().empty());
    EXPECT_TRUE(json.at("precision").is_string());
    if (what == "train") {
      std::int64_t kept = 0;
      for (const Json& line : json.at("kept_for_backward").as_array())
        kept += line.at("bytes").as_int();
      EXPECT_GT(kept, 2 * 16 * 4);
    }
    const Json& read = json.at("peaks").at("read");
    EXPECT_EQ(read.is_null(), what != "decode");
    if (what == "decode") {
      EXPECT_GT(read.at("bytes").as_int(), 10'000);
      EXPECT_FALSE(read.at("level").as_string().empty());
      EXPECT_NEAR(json.at("share_of_peak").as_double(),
                  json.at("bytes_per_s").as_double() / read.at("rate").as_double(), 1e-9);
    }
    // The median step makes the rate.
    std::vector<double> seconds;
    for (const Json& s : json.at("step_seconds").as_array()) seconds.push_back(s.as_double());
    std::sort(seconds.begin(), seconds.end());
    const double tokens = what == "decode" ? 2 : 2 * 16;
    EXPECT_NEAR(json.at("tokens_per_s").as_double(), tokens / seconds[1],
                1e-6 * tokens / seconds[1]);
  }
}

TEST(Doctor, MeasuresTheMachine) {
  const Result r = run({"doctor", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  const Json json = r.json();
  EXPECT_GT(json.at("peaks").at("f32").as_double(), 1e9);
  EXPECT_GT(json.at("products").at("avx2").at("f32").as_double(), 1e8);
  EXPECT_TRUE(json.at("precision_auto").as_string() == "f32" ||
              json.at("precision_auto").as_string() == "bf16");
}

TEST(Log, TellsWhichKernelsRunAndWhichDoNot) {
  const std::vector<std::string> bench = {
      "bench", "prefill", "--model", fixture("gpt2-random") / "config.json",
      "--seq", "1",       "--steps", "1"};
  const Result told = Running(bench, nullptr, "kernels").wait();
  EXPECT_EQ(told.code, 0) << told.err;
  EXPECT_NE(told.err.find("kernels: "), std::string::npos) << told.err;
  EXPECT_EQ(run(bench).err.find("kernels: "), std::string::npos);
}

TEST(Output, AClosedOrFullReaderIsNoCrash) {
  Running full({"info", "--model", "gpt2"}, "/dev/full");
  EXPECT_EQ(full.wait().code, 4);
  const std::string command = std::string(STEMMA_BINARY) + " --help 2>/dev/null | true; " +
                              std::string(STEMMA_BINARY) + " --help >&- 2>/dev/null";
  EXPECT_EQ(std::system(command.c_str()), 0);
  // Files that are opened do not take the place of a closed stream.
  const TemporaryFolder folder;
  make_tokenizer(folder.path(), 100);
  std::string train = STEMMA_BINARY;
  for (const std::string& argument : train_arguments(folder.path(), "run", 3))
    train += " " + argument;
  EXPECT_EQ(std::system((train + " 2>&- >&- <&-").c_str()), 0);
  const std::string metrics = read_text(folder / "run/metrics.jsonl");
  EXPECT_EQ(std::count(metrics.begin(), metrics.end(), '\n'), 3) << metrics;
}

}  // namespace
}  // namespace cli_test

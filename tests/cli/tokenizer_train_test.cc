// `stemma tokenizer train` as a user sees it: options, the memory ceiling, Ctrl-C.
#include <csignal>
#include <filesystem>

#include "tests/cli/program.h"

namespace cli_test {
namespace {

using stemma::Json;
namespace fs = std::filesystem;

// Many words, each of letters and nearly all different.
std::string different_words(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += ' ';
    for (unsigned rest = 2654435761u * static_cast<unsigned>(i + 1); rest > 0; rest /= 26)
      text.push_back(static_cast<char>('a' + rest % 26));
    if (i % 12 == 11) text += '\n';
  }
  return text;
}

TEST(TokenizerTrain, OptionsAreInTheFileAndInTheIds) {
  const TemporaryFolder folder;
  write_text(folder / "text.txt", "In 1984 and in 2001 THE MEN were men, in 1984 and in 2001.\n");
  const Result r =
      run({"tokenizer", "train", "--input", folder / "text.txt", "--output", folder / "t",
           "--vocab-size", "300", "--min-frequency", "1", "--split", "cl100k", "--digits", "single",
           "--lowercase", "--special-token", "<|user|>", "<|system|>", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_GT(r.json().at("seconds").as_double(), 0);
  EXPECT_GT(r.json().at("peak_memory_bytes").as_int(), 1 << 20);
  EXPECT_EQ(r.json().at("dropped_pieces").as_int(), 0);
  const Json file = Json::parse(read_text(folder / "t/tokenizer.json"), "tokenizer.json");
  EXPECT_EQ(file.at("normalizer").get("type", ""), "Lowercase");
  const Json& split = file.at("pre_tokenizer").at("pretokenizers").as_array().at(0);
  EXPECT_NE(split.at("pattern").get("Regex", "").find("|\\p{N}|"), std::string::npos);
  ASSERT_EQ(file.at("added_tokens").as_array().size(), 3u);
  EXPECT_EQ(file.at("added_tokens").as_array().at(2).get("content", ""), "<|system|>");
  // vocab.json and merges.txt have no place for these rules.
  EXPECT_FALSE(fs::exists(folder / "t/merges.txt"));

  ASSERT_EQ(run({"tokenizer", "encode", "--tokenizer", folder / "t", "--input", folder / "text.txt",
                 "--output", folder / "ids.npy"})
                .code,
            0);
  const Result decoded =
      run({"tokenizer", "decode", "--tokenizer", folder / "t", "--input", folder / "ids.npy"});
  EXPECT_EQ(decoded.out.substr(0, 35), "in 1984 and in 2001 the men were me");
}

TEST(TokenizerTrain, TheMemoryCeilingIsKeptAndWhatItCostsIsSaid) {
  const TemporaryFolder folder;
  write_text(folder / "text.txt", "the often word " + different_words(500'000));
  const Result r =
      run({"tokenizer", "train", "--input", folder / "text.txt", "--output", folder / "t",
           "--vocab-size", "300", "--memory-bytes", "16777216", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.err.find("did not fit into the memory"), std::string::npos) << r.err;
  EXPECT_GT(r.json().at("dropped_pieces").as_int(), 100'000);
  EXPECT_LT(r.json().at("peak_memory_bytes").as_int(), 60 << 20);
  for (const auto& entry : fs::directory_iterator(folder.path()))
    EXPECT_TRUE(entry.path().filename() == "text.txt" || entry.path().filename() == "t")
        << entry.path();
}

TEST(TokenizerTrain, CtrlCLeavesNothing) {
  const TemporaryFolder folder;
  write_text(folder / "text.txt", different_words(1'500'000));
  Running running({"tokenizer", "train", "--input", folder / "text.txt", "--output",
                   folder / "deep/t", "--min-frequency", "1"});
  EXPECT_TRUE(
      Running::wait_for([&] { return running.err_so_far().find("reading") != std::string::npos; }));
  running.send(SIGINT);
  const Result r = running.wait();
  EXPECT_EQ(r.code, 130) << r.err;
  EXPECT_FALSE(fs::exists(folder / "deep"));
}

TEST(TokenizerTrain, ImpossibleValuesAreUsageErrors) {
  const TemporaryFolder folder;
  write_text(folder / "text.txt", "some text");
  const auto code_with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = {"tokenizer",         "train",    "--input",
                                    folder / "text.txt", "--output", folder / "t"};
    all.insert(all.end(), more.begin(), more.end());
    return run(all).code;
  };
  EXPECT_EQ(code_with({"--special-token", "x"}), 2);
  EXPECT_EQ(code_with({"--special-token", "<|endoftext|>"}), 2);
  EXPECT_EQ(code_with({"--vocab-size", "258", "--special-token", "<a>", "<b>"}), 2);
  EXPECT_EQ(code_with({"--memory-bytes", "1000"}), 2);
  EXPECT_EQ(code_with({"--digits", "double"}), 2);
  EXPECT_EQ(code_with({"--kind", "bytes", "--vocab-size", "600"}), 2);
  EXPECT_EQ(code_with({"--kind", "characters", "--lowercase"}), 2);
  EXPECT_EQ(code_with({"--split", "p50k"}), 2);
  EXPECT_FALSE(fs::exists(folder / "t"));
}

}  // namespace
}  // namespace cli_test

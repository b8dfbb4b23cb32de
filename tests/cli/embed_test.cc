// stemma embed reads texts as every command does.
#include <algorithm>

#include "tests/checkpoint/chat_model.h"
#include "tests/cli/program.h"

namespace cli_test {
namespace {

TEST(Embed, RowsLinesAndStandardInputAreTheSameTexts) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "model");
  stemma::checkpoint::testing::write_chat_model(folder / "model", "\nh i");
  write_text(folder / "a.txt", "hi\r\nh i h\n");
  write_text(folder / "a.jsonl", "{\"text\": \"hi\"}\n{\"text\": \"h i h\"}\n");
  const auto embed = [&](const std::string& input) {
    return run({"embed", "--model", folder / "model", "--input", input, "--precision", "f32"});
  };
  const Result lines = embed(folder / "a.txt"), rows = embed(folder / "a.jsonl");
  ASSERT_EQ(lines.code, 0) << lines.err;
  EXPECT_EQ(std::count(lines.out.begin(), lines.out.end(), '\n'), 2);
  EXPECT_EQ(rows.out, lines.out) << rows.err;
  write_text(folder / "latin.txt", std::string(100'000, 'h') + "\n" + std::string(200, '\xE4'));
  EXPECT_EQ(embed(folder / "latin.txt").code, 3);  // behind what is looked at first
  write_text(folder / "other.jsonl", "{\"content\": \"hi\"}\n");
  const Result other = embed(folder / "other.jsonl");
  EXPECT_EQ(other.code, 3);
  EXPECT_NE(other.err.find("--text-field"), other.err.npos) << other.err;
}

}  // namespace
}  // namespace cli_test

// stemma generate --batch, with the real binary and a tiny chat model.
#include <sstream>

#include "tests/checkpoint/chat_model.h"
#include "tests/cli/program.h"

namespace cli_test {
namespace {

class GenerateBatch : public testing::Test {
 protected:
  GenerateBatch() {
    std::filesystem::create_directories(folder_ / "model");
    stemma::checkpoint::testing::write_chat_model(folder_ / "model", "\nh i");
  }
  Result generate(std::vector<std::string> arguments) const {
    const std::vector<std::string> first = {
        "generate",     "--model", (folder_ / "model").string(), "--precision", "f32",
        "--max-tokens", "6"};
    arguments.insert(arguments.begin(), first.begin(), first.end());
    return run(arguments);
  }
  Result batch(const std::string& rows) const {
    write_text(folder_ / "rows.jsonl", rows);
    return generate({"--batch", (folder_ / "rows.jsonl").string()});
  }
  static std::vector<stemma::Json> rows_of(const std::string& text) {
    std::vector<stemma::Json> rows;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
      rows.push_back(stemma::Json::parse(line, "row"));
    return rows;
  }

  TemporaryFolder folder_;
};

TEST_F(GenerateBatch, ARowForEachInTheirOrder) {
  const Result r = batch(
      "{\"id\": \"a\", \"prompt\": \"x\"}\n\n"
      "{\"messages\": [{\"role\": \"user\", \"content\": \"What is a stemma?\"}]}\n"
      "{\"id\": 7, \"prompt\": \"h\"}");
  ASSERT_EQ(r.code, 0) << r.err;
  const std::vector<stemma::Json> rows = rows_of(r.out);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].at("id").as_string(), "a");
  EXPECT_EQ(rows[1].find("id"), nullptr);
  EXPECT_EQ(rows[2].at("id").as_int(), 7);
  EXPECT_EQ(rows[1].at("text").as_string(), "h i");
  EXPECT_EQ(rows[1].at("finish_reason").as_string(), "eot");
  // What one prompt alone gives.
  const std::vector<std::pair<std::size_t, std::string>> alone = {{0, "x"}, {2, "h"}};
  for (const auto& [row, prompt] : alone) {
    const stemma::Json json = generate({"--prompt", prompt, "--json"}).json();
    for (const char* key : {"text", "ids", "finish_reason", "prompt_tokens"})
      EXPECT_EQ(rows[row].at(key).dump(), json.at(key).dump()) << prompt << " " << key;
  }
}

TEST_F(GenerateBatch, ARowThatIsImpossibleDoesNotEndTheOthers) {
  const Result r = batch("{\"prompt\": \"" + std::string(5000, 'x') +
                         "\", \"id\": 1}\n{\"prompt\": \"h\", \"id\": 2}\n");
  EXPECT_EQ(r.code, 2);
  const std::vector<stemma::Json> rows = rows_of(r.out);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].at("id").as_int(), 1);
  EXPECT_NE(rows[0].at("error").as_string().find("5000 tokens"), std::string::npos);
  EXPECT_GT(rows[1].at("ids").as_array().size(), 0u);
}

TEST_F(GenerateBatch, ALineThatIsNoRowIsNamedBeforeAnythingRuns) {
  for (const std::string line :
       {"{", "3", "{}", "{\"prompt\": 3}", "{\"prompt\": \"a\", \"messages\": []}",
        "{\"messages\": []}", "{\"messages\": [{\"role\": \"user\"}]}",
        "{\"prompt\": \"a\", \"temperature\": 3}"}) {
    const Result r = batch("{\"prompt\": \"h\"}\n" + line + "\n");
    EXPECT_EQ(r.code, 3) << line;
    EXPECT_EQ(r.out, "") << line;
    EXPECT_NE(r.err.find("rows.jsonl:2"), std::string::npos) << r.err;
  }
  EXPECT_EQ(generate({"--batch", "-", "--prompt", "x"}).code, 2);
  const Result empty = batch("");
  EXPECT_EQ(empty.code, 0);
  EXPECT_EQ(empty.out, "");
}

}  // namespace
}  // namespace cli_test

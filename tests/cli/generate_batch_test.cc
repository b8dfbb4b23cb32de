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

// Killed at any moment and started again, until it is whole: the same rows as in one go.
TEST_F(GenerateBatch, AFileThatWasCutOffIsCompleted) {
  std::string rows;
  for (int i = 0; i < 400; ++i)
    rows += "{\"id\": " + std::to_string(i) + ", \"prompt\": \"x" + std::to_string(i % 7) + "\"}\n";
  const Result whole = batch(rows);
  ASSERT_EQ(whole.code, 0) << whole.err;
  const std::string output = (folder_ / "answers.jsonl").string();
  const std::vector<std::string> command = {
      "generate",    "--model", (folder_ / "model").string(),
      "--precision", "f32",     "--max-tokens",
      "6",           "--batch", (folder_ / "rows.jsonl").string(),
      "--output",    output};
  int killed = 0;
  for (int milliseconds = 20; milliseconds < 500; milliseconds += 60) {
    const Running part(command);
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    part.send(SIGKILL);
    ++killed;
  }
  // As a machine that loses power leaves it.
  std::ofstream(output, std::ios::app) << "{\"id\": 9, \"te";
  const Result last = run(command);
  ASSERT_EQ(last.code, 0) << last.err;
  EXPECT_EQ(read_text(output), whole.out) << killed;
  EXPECT_EQ(run(command).code, 0);
  EXPECT_EQ(read_text(output), whole.out);
}

TEST_F(GenerateBatch, AFileOfOtherRowsOrOptionsStaysAsItIs) {
  const std::string output = (folder_ / "answers.jsonl").string();
  write_text(folder_ / "rows.jsonl", "{\"prompt\": \"x\"}\n");
  const std::vector<std::string> command = {"--batch", (folder_ / "rows.jsonl").string(),
                                            "--output", output};
  ASSERT_EQ(generate(command).code, 0);
  const std::string before = read_text(output);
  std::vector<std::string> other = command;
  other.insert(other.end(), {"--stop", "z"});
  Result r = generate(other);
  EXPECT_EQ(r.code, 2);
  EXPECT_NE(r.err.find("another 'stop'"), std::string::npos) << r.err;
  write_text(folder_ / "rows.jsonl", "{\"prompt\": \"y\"}\n");
  r = generate(command);
  EXPECT_EQ(r.code, 2);
  EXPECT_NE(r.err.find("another 'rows'"), std::string::npos) << r.err;
  EXPECT_EQ(read_text(output), before);
  // Other weights under the same name.
  write_text(folder_ / "rows.jsonl", "{\"prompt\": \"x\"}\n");
  std::filesystem::create_directories(folder_ / "other");
  stemma::checkpoint::testing::write_chat_model(folder_ / "other", "\ni h");
  std::filesystem::copy_file(folder_ / "other" / "model.safetensors",
                             folder_ / "model" / "model.safetensors",
                             std::filesystem::copy_options::overwrite_existing);
  r = generate(command);
  EXPECT_EQ(r.code, 2);
  EXPECT_NE(r.err.find("another 'model'"), std::string::npos) << r.err;
  EXPECT_EQ(read_text(output), before);
  // A schema that was changed in its file.
  write_text(folder_ / "schema.json", "{\"enum\": [1, 2]}");
  std::vector<std::string> held = {"--batch",       (folder_ / "rows.jsonl").string(),
                                   "--output",      (folder_ / "held.jsonl").string(),
                                   "--json-schema", (folder_ / "schema.json").string()};
  EXPECT_EQ(generate(held).code, 0);
  write_text(folder_ / "schema.json", "{\"enum\": [1, 3]}");
  r = generate(held);
  EXPECT_EQ(r.code, 2);
  EXPECT_NE(r.err.find("another 'json_schema'"), std::string::npos) << r.err;
  write_text(folder_ / "mine.txt", "a letter\n");
  r = generate(
      {"--batch", (folder_ / "rows.jsonl").string(), "--output", (folder_ / "mine.txt").string()});
  EXPECT_EQ(r.code, 2);
  EXPECT_EQ(read_text(folder_ / "mine.txt"), "a letter\n");
  EXPECT_EQ(generate({"--prompt", "x", "--output", output}).code, 2);
}

// A seed that was drawn belongs to the file.
TEST_F(GenerateBatch, ADrawnSeedIsKept) {
  const std::string output = (folder_ / "answers.jsonl").string();
  write_text(folder_ / "rows.jsonl", "{\"prompt\": \"x\"}\n{\"prompt\": \"y\"}\n");
  const std::vector<std::string> command = {
      "--batch", (folder_ / "rows.jsonl").string(), "--output", output, "--temperature", "1.5"};
  ASSERT_EQ(generate(command).code, 0);
  const std::string whole = read_text(output);
  write_text(output, whole.substr(0, whole.find('\n') + 1));
  ASSERT_EQ(generate(command).code, 0);
  EXPECT_EQ(read_text(output), whole);
}

TEST_F(GenerateBatch, AFullDiskIsSaid) {
  const Result r =
      generate({"--batch", (folder_ / "rows.jsonl").string(), "--output", "/dev/full"});
  EXPECT_NE(r.code, 0);
}

TEST_F(GenerateBatch, TextsAreHeldToWhatTheyMayBe) {
  write_text(folder_ / "rows.jsonl", "{\"prompt\": \"x\"}\n{\"prompt\": \"h\"}\n");
  const Result r = generate(
      {"--batch", (folder_ / "rows.jsonl").string(), "--choice", "i h", "--choice", "hhh"});
  ASSERT_EQ(r.code, 0) << r.err;
  for (const stemma::Json& row : rows_of(r.out)) {
    const std::string& text = row.at("text").as_string();
    EXPECT_TRUE(text == "i h" || text == "hhh") << text;
  }
  const Result regex = generate({"--prompt", "x", "--regex", "i{3}"});
  EXPECT_EQ(regex.out, "iii\n") << regex.err;
  EXPECT_EQ(generate({"--prompt", "x", "--regex", "i("}).code, 2);
  EXPECT_EQ(generate({"--prompt", "x", "--json-schema", "nothing.json"}).code, 3);
  EXPECT_EQ(generate({"--prompt", "x", "--json-schema", "{\"type\": \"strange\"}"}).code, 2);
  EXPECT_EQ(generate({"--prompt", "x", "--regex", "i", "--json-object"}).code, 2);
}

}  // namespace
}  // namespace cli_test

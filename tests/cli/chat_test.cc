// stemma generate --chat, with the real binary and a tiny chat model.
#include "tests/checkpoint/chat_model.h"
#include "tests/cli/program.h"

namespace cli_test {
namespace {

class Chat : public testing::Test {
 protected:
  Chat() {
    std::filesystem::create_directories(folder_ / "model");
    stemma::checkpoint::testing::write_chat_model(folder_ / "model", "\nh i");
  }
  Result generate(std::vector<std::string> arguments) const {
    const std::vector<std::string> first = {"generate", "--model", (folder_ / "model").string(),
                                            "--precision", "f32"};
    arguments.insert(arguments.begin(), first.begin(), first.end());
    return run(arguments);
  }

  TemporaryFolder folder_;
};

TEST_F(Chat, AnswersAndStops) {
  const Result r = generate({"--chat", "What is a stemma?"});
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.out, "h i\n");
  const Result json = generate({"--chat", "x", "--system", "y", "--json"});
  ASSERT_EQ(json.code, 0) << json.err;
  EXPECT_EQ(json.json().at("text").as_string(), "h i");
  EXPECT_EQ(json.json().at("finish_reason").as_string(), "eot");
  // <|im_start|> s y s t e m \n y <|im_end|> \n, and so on: less than with the template's own
  // words.
  EXPECT_LT(json.json().at("prompt_tokens").as_int(), 40);
  const Result own = generate({"--chat", "x", "--json"});
  EXPECT_GT(own.json().at("prompt_tokens").as_int(), 60);
}

TEST_F(Chat, GoesWithNoOtherPrompt) {
  for (const char* flag : {"--prompt", "--prompt-file", "--ids"}) {
    const Result r = generate({"--chat", "x", flag, "1"});
    EXPECT_EQ(r.code, 2) << flag;
    EXPECT_NE(r.err.find("one of --prompt"), std::string::npos) << r.err;
  }
  EXPECT_EQ(generate({"--prompt", "x", "--system", "y"}).code, 2);
}

TEST_F(Chat, NeedsATemplateThatRuns) {
  write_text(folder_ / "model/tokenizer_config.json", "{\"eos_token\": \"<|im_end|>\"}");
  const Result without = generate({"--chat", "x"});
  EXPECT_EQ(without.code, 3);
  EXPECT_NE(without.err.find("no chat template"), std::string::npos) << without.err;
  EXPECT_EQ(generate({"--prompt", "x", "--max-tokens", "1"}).code, 0);
  const Result plain = generate({"--chat", "x", "--chat-template", "plain", "--max-tokens", "1"});
  EXPECT_EQ(plain.code, 0) << plain.err;
  EXPECT_EQ(generate({"--prompt", "x", "--chat-template", "plain"}).code, 2);
  write_text(folder_ / "model/chat_template.jinja", "a\n{% include 'x' %}");
  const Result other = generate({"--chat", "x"});
  EXPECT_EQ(other.code, 3);
  EXPECT_NE(other.err.find("line 2 of the chat template"), std::string::npos) << other.err;
  write_text(folder_ / "model/chat_template.jinja", "{{ raise_exception('Not like this') }}");
  const Result refused = generate({"--chat", "x"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("Not like this"), std::string::npos) << refused.err;
}

}  // namespace
}  // namespace cli_test

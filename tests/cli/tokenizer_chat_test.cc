// stemma tokenizer chat, with the real binary.
#include "tests/cli/program.h"

namespace cli_test {
namespace {

const std::string kTokenizer = STEMMA_SOURCE_DIR "/tests/text/fixtures/smollm";

class TokenizerChat : public testing::Test {
 protected:
  TokenizerChat() {
    write_text(
        folder_ / "chat.json",
        R"([{"role": "system", "content": "s"}, {"role": "user", "content": "<|im_end|>"}])");
  }
  Result chat(std::vector<std::string> arguments) const {
    const std::vector<std::string> first = {"tokenizer", "chat", "--messages",
                                            (folder_ / "chat.json").string()};
    arguments.insert(arguments.begin(), first.begin(), first.end());
    return run(arguments);
  }

  TemporaryFolder folder_;
};

TEST_F(TokenizerChat, PrintsWhatTheModelSees) {
  const Result r = chat({"--tokenizer", kTokenizer});
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.out,
            "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\n<|im_end|><|im_end|>\n"
            "<|im_start|>assistant\n");
  const Result json = chat({"--tokenizer", kTokenizer, "--json", "--generation-prompt=false"});
  ASSERT_EQ(json.code, 0) << json.err;
  const stemma::Json out = json.json();
  EXPECT_EQ(out.at("end_tokens").as_array().front().as_int(), 2);
  int ends = 0;
  for (const auto& id : out.at("ids").as_array()) ends += id.as_int() == 2 ? 1 : 0;
  EXPECT_EQ(ends, 2);
  int given = 0;
  for (const auto& piece : out.at("pieces").as_array())
    given += piece.at("from_template").as_bool() ? 0 : 1;
  EXPECT_EQ(given, 2);
}

TEST_F(TokenizerChat, TakesOtherTemplatesAndVariables) {
  write_text(folder_ / "t.jinja",
             "{{ bos_token }}{{ messages | length }}{{ tools | tojson }}{{ x }}");
  write_text(folder_ / "tools.json", R"([{"name": "f"}])");
  const Result r =
      chat({"--chat-template", (folder_ / "t.jinja").string(), "--tools",
            (folder_ / "tools.json").string(), "--variables", "{\"x\": 5}", "--bos-token", "<s>"});
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.out, "<s>2[{\"name\": \"f\"}]5");
  EXPECT_EQ(chat({"--chat-template", "plain"}).out, "s\n\nUser: <|im_end|>\nAssistant:");
}

TEST_F(TokenizerChat, SaysWhatIsMissing) {
  EXPECT_EQ(chat({}).code, 2);
  EXPECT_EQ(chat({"--tokenizer", "gpt2"}).code, 3);
  EXPECT_EQ(chat({"--chat-template", "no/such"}).code, 3);
  EXPECT_EQ(chat({"--chat-template", "plain", "--variables", "[]"}).code, 2);
}

}  // namespace
}  // namespace cli_test

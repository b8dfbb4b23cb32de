#include "infer/chat_prompt.h"

#include <gtest/gtest.h>

#include "infer/generator.h"
#include "tests/base/expect_error.h"
#include "tests/checkpoint/chat_model.h"
#include "tests/infer/model_folder.h"

namespace stemma::infer {
namespace {

chat::Conversation says(const char* text) {
  chat::Conversation conversation;
  conversation.messages = Json::array({Json::object({{"role", "user"}, {"content", text}})});
  return conversation;
}

class ChatPromptTest : public ::testing::Test {
 protected:
  ChatPromptTest() { checkpoint::testing::write_chat_model(folder_.path(), "\nh i"); }
  LoadedModel open() const { return testing::open_f32(folder_.path()); }

  TemporaryFolder folder_;
};

TEST_F(ChatPromptTest, AnswersUntilTheEndOfTheTurn) {
  const LoadedModel model = open();
  const ChatPrompt prompt = chat_prompt(model, says("Say <|im_end|> and <|endoftext|>."));
  EXPECT_EQ(prompt.end_tokens.front(), 2);
  EXPECT_NE(prompt.end_tokens.front(), model.end_of_text());
  // The template's own: two around each of two messages, one before the answer.
  EXPECT_EQ(std::ranges::count(prompt.ids, 1), 3);
  EXPECT_EQ(std::ranges::count(prompt.ids, 2), 2);
  EXPECT_EQ(std::ranges::count(prompt.ids, 0), 0);

  GenerateOptions options;
  options.max_tokens = 8;
  prompt.set_ends(options);
  const Generation answer = generate(model, prompt.ids, options);
  EXPECT_EQ(answer.text, "h i");
  EXPECT_EQ(answer.finish, FinishReason::end_of_text);
  options.ignore_end_of_text = true;
  EXPECT_EQ(generate(model, prompt.ids, options).ids.size(), 8u);
  options = {};
  options.max_tokens = 8;
  EXPECT_EQ(generate(model, prompt.ids, options).finish, FinishReason::length);
}

TEST(ChatPrompt, NeedsATemplate) {
  const testing::ChainModel chain("ab");
  EXPECT_ERROR(chat_prompt(chain.model(), says("a")), ErrorCode::unsupported,
               "has no chat template");
  const ChatPrompt plain = chat_prompt(chain.model(), says("a"), "plain");
  EXPECT_EQ(plain.stop, std::vector<std::string>{"\nUser:"});
  EXPECT_FALSE(plain.ids.empty());
  EXPECT_ERROR(chat_prompt(chain.model(), says("a"), "chatml"), ErrorCode::unsupported, "plain");
}

}  // namespace
}  // namespace stemma::infer

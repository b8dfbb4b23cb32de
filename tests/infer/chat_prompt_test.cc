#include "infer/chat_prompt.h"

#include <gtest/gtest.h>

#include "infer/generator.h"
#include "tests/base/expect_error.h"
#include "tests/checkpoint/chat_model.h"
#include "tests/infer/model_folder.h"

namespace stemma::infer {
namespace {

class ChatPromptTest : public ::testing::Test {
 protected:
  ChatPromptTest() { checkpoint::testing::write_chat_model(folder_.path(), "\nh i"); }
  LoadedModel open() const { return testing::open_f32(folder_.path()); }

  TemporaryFolder folder_;
};

TEST_F(ChatPromptTest, AnswersUntilTheEndOfTheTurn) {
  const LoadedModel model = open();
  const std::vector<chat::Message> messages = {{"user", "Say <|im_end|> and <|endoftext|>."}};
  const ChatPrompt prompt = chat_prompt(model, messages);
  EXPECT_EQ(prompt.end_of_turn, 2);
  EXPECT_NE(prompt.end_of_turn, model.end_of_text());
  // The template's own: two around each of two messages, one before the answer.
  EXPECT_EQ(std::ranges::count(prompt.ids, 1), 3);
  EXPECT_EQ(std::ranges::count(prompt.ids, 2), 2);
  EXPECT_EQ(std::ranges::count(prompt.ids, 0), 0);

  GenerateOptions options;
  options.max_tokens = 8;
  options.end_tokens = {prompt.end_of_turn};
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
  const std::vector<chat::Message> messages = {{"user", "a"}};
  EXPECT_ERROR(chat_prompt(chain.model(), messages), ErrorCode::unsupported,
               "has no chat template");
}

}  // namespace
}  // namespace stemma::infer

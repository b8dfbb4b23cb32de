// The token that ends a text is among its log-probabilities, as OpenAI's API has it: who scores a
// text with `echo` counts on one token behind it.
#include "tests/checkpoint/chat_model.h"
#include "tests/serve/running_server.h"

namespace stemma::serve {
namespace {

TEST(EndToken, StandsAtTheEndOfTheLogProbabilities) {
  const TemporaryFolder folder;
  checkpoint::testing::write_chat_model(folder.path(), "\nhi");
  testing::RunningServer server;
  server.models().open({.id = "chat", .path = folder.path()});
  for (const std::string scored : {"", R"(,"echo":true)"}) {
    const Json answer = server.post(
        "/v1/completions", R"({"prompt":"\nhi","max_tokens":4,"temperature":0,"logprobs":1,)"
                           R"("stop_token_ids":[2])" +
                               scored + "}");
    const Json& choice = answer.at("choices").as_array().front();
    EXPECT_EQ(choice.at("finish_reason").as_string(), "stop");
    const Json& logprobs = choice.at("logprobs");
    EXPECT_EQ(logprobs.at("tokens").as_array().back().as_string(), "<|im_end|>");
    EXPECT_EQ(logprobs.at("token_logprobs").as_array().size(),
              logprobs.at("tokens").as_array().size());
    EXPECT_EQ(answer.at("usage").at("completion_tokens").as_int(), 0);
  }
}

}  // namespace
}  // namespace stemma::serve

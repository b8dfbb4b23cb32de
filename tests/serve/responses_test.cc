// /v1/responses: items and events in their order.
#include "tests/serve/running_server.h"
#include "tests/tasks/tiny_model.h"

namespace stemma::serve {
namespace {

class ResponsesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    tasks::write_tiny_model(folder_ / "chat", "gpt2", 0);
    std::ofstream(folder_ / "chat" / "chat_template.jinja")
        << "{% for m in messages %}{{ m.content[:2] }}{% endfor %}>";
    server_.models().open({.path = folder_ / "chat"});
  }
  std::vector<Json> events(const std::string& body) const {
    const auto a = testing::ask(server_.port(), "POST", "/v1/responses", body);
    EXPECT_EQ(a.status, 200) << a.body;
    std::vector<Json> list;
    for (std::size_t at = a.body.find("event: "); at != std::string::npos;
         at = a.body.find("event: ", at + 1)) {
      const std::size_t line = a.body.find('\n', at);
      const std::size_t data = line + 7;  // "data: "
      list.push_back(Json::parse(a.body.substr(data, a.body.find('\n', data) - data), "event"));
      EXPECT_EQ(list.back().at("type").as_string(), a.body.substr(at + 7, line - at - 7));
      EXPECT_EQ(list.back().at("sequence_number").as_int(), std::ssize(list) - 1);
    }
    return list;
  }
  static std::string types(const std::vector<Json>& events) {
    std::string text, last;
    for (const Json& e : events) {
      std::string type = e.at("type").as_string().substr(9);
      if (type != last) text += type + " ";
      last = type;
    }
    return text;
  }
  TemporaryFolder folder_;
  testing::RunningServer server_;
};

TEST_F(ResponsesTest, AMessageWholeAndStreamed) {
  const std::string fields =
      R"("input":"hello","temperature":0,"max_output_tokens":6,"ignore_eos":true,)"
      R"("metadata":{"a":"b"})";
  const Json whole = server_.post("/v1/responses", "{" + fields + "}");
  EXPECT_EQ(whole.at("object").as_string(), "response");
  EXPECT_EQ(whole.at("status").as_string(), "incomplete");
  EXPECT_EQ(whole.at("incomplete_details").at("reason").as_string(), "max_output_tokens");
  EXPECT_EQ(whole.at("metadata").at("a").as_string(), "b");
  EXPECT_EQ(whole.at("usage").at("output_tokens").as_int(), 6);
  const std::string text =
      whole.at("output").as_array()[0].at("content").as_array()[0].at("text").as_string();
  const std::vector<Json> all = events("{\"stream\":true," + fields + "}");
  EXPECT_EQ(types(all),
            "created in_progress output_item.added content_part.added output_text.delta "
            "output_text.done content_part.done output_item.done incomplete ");
  std::string streamed;
  for (const Json& e : all)
    if (e.at("type").as_string() == "response.output_text.delta")
      streamed += e.at("delta").as_string();
  EXPECT_EQ(streamed, text);
  EXPECT_EQ(all.back().at("response").at("usage").at("total_tokens").as_int(),
            whole.at("usage").at("total_tokens").as_int());
}

TEST_F(ResponsesTest, ACallAndItsResult) {
  const std::string tools =
      R"("tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":)"
      R"({"a":{"enum":[1,2]}},"required":["a"]}}],"tool_choice":"required")";
  const std::vector<Json> all = events(R"({"stream":true,"input":"hello","seed":1,)" + tools + "}");
  EXPECT_EQ(types(all),
            "created in_progress output_item.added function_call_arguments.delta "
            "function_call_arguments.done output_item.done completed ");
  const Json item = all.back().at("response").at("output").as_array()[0];
  EXPECT_EQ(item.at("type").as_string(), "function_call");
  EXPECT_EQ(item.at("name").as_string(), "f");
  const Json next = server_.post(
      "/v1/responses", R"({"max_output_tokens":2,"input":[{"role":"user","content":[{"type":)"
                       R"("input_text","text":"hi"}]},)" +
                           item.dump() + R"(,{"type":"function_call_output","call_id":)" +
                           item.at("call_id").dump() + R"(,"output":"3"}]})");
  EXPECT_EQ(next.at("output").as_array().size(), 1u);
}

TEST_F(ResponsesTest, SaysWhatIsWrong) {
  const auto wrong = [&](const std::string& body, const std::string& part) {
    const std::string message = server_.refused("/v1/responses", body);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  wrong(R"({})", "'input' is missing");
  wrong(R"({"input":[]})", "'input' must be");
  wrong(R"({"input":[{"type":"image"}]})", "'input[0].type'");
  wrong(R"({"input":[{"role":"cat","content":"x"}]})", "'input[0].role'");
  wrong(R"({"input":[{"type":"function_call_output","call_id":"x","output":"1"}]})",
        "no call before it");
  wrong(R"({"input":"x","store":true})", "store");
  wrong(R"({"input":"x","previous_response_id":"resp_1"})", "keeps no responses");
  wrong(R"({"input":"x","text":{"format":{"type":"xml"}}})", "'text.format.type'");
  wrong(R"({"input":"x","max_output_tokens":0})", "max_output_tokens");
  wrong(R"({"input":"x","messages":[]})", "messages");
}

}  // namespace
}  // namespace stemma::serve

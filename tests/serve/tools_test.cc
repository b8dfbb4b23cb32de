// Tools through the server, with a model of random weights that chats in ChatML: what must be a
// call is one, whatever the weights.
#include <set>

#include "serve/api/response_format.h"
#include "tests/serve/running_server.h"
#include "tests/tasks/tiny_model.h"

namespace stemma::serve {
namespace {

namespace fs = std::filesystem;

class ToolsTest : public ::testing::Test {
 protected:
  static const fs::path& model() {
    static const TemporaryFolder folder;
    static const fs::path path = [] {
      tasks::write_tiny_model(folder / "chat", "gpt2", 0);
      // A longer context than tiny models have, and a template.
      std::ofstream(folder / "chat" / "chat_template.jinja")
          << "{% for m in messages %}{{ m.content[:2] }}{% endfor %}>";
      return folder / "chat";
    }();
    return path;
  }
  void SetUp() override { server_.models().open({.path = model()}); }
  static std::string body(const std::string& more) {
    return R"({"messages":[{"role":"user","content":"hi"}],"temperature":0.7,"seed":3,)"
           R"("tools":[{"type":"function","function":{"name":"f","parameters":)"
           R"({"type":"object","properties":{"a":{"enum":[1,2]}},"required":["a"]}}},)"
           R"({"type":"function","function":{"name":"g","parameters":)"
           R"({"type":"object","properties":{},"additionalProperties":false}}}])" +
           more + "}";
  }
  std::string wrong(const std::string& messages, const std::string& more = "") const {
    return server_.refused("/v1/chat/completions", R"({"messages":)" + messages + more + "}");
  }

  testing::RunningServer server_;
};

TEST_F(ToolsTest, ACallThatMustComeComes) {
  for (const char* choice : {R"("required")", R"({"type":"function","function":{"name":"f"}})"}) {
    const Json a =
        server_.post("/v1/chat/completions", body(std::string(R"(,"tool_choice":)") + choice));
    const Json& c = a.at("choices").as_array()[0];
    EXPECT_EQ(c.at("finish_reason").as_string(), "tool_calls") << a.dump();
    EXPECT_TRUE(c.at("message").at("content").is_null());
    const Json& call = c.at("message").at("tool_calls").as_array().at(0);
    EXPECT_EQ(call.at("type").as_string(), "function");
    EXPECT_TRUE(call.at("id").as_string().starts_with("call_"));
    const Json& function = call.at("function");
    const Json arguments = Json::parse(function.at("arguments").as_string(), "arguments");
    if (function.at("name").as_string() == "f")
      EXPECT_TRUE(arguments.at("a").as_int() == 1 || arguments.at("a").as_int() == 2);
    else
      EXPECT_EQ(function.at("name").as_string(), "g");
  }
}

// What the events of a streamed answer say together.
struct Streamed {
  std::string content, name, arguments, reason;
  std::set<std::string> ids;

  explicit Streamed(const std::string& events) {
    for (std::size_t at = events.find("data: {"); at != std::string::npos;
         at = events.find("data: {", at + 1)) {
      const Json event =
          Json::parse(events.substr(at + 6, events.find('\n', at) - at - 6), "event");
      const Json& choice = event.at("choices").as_array()[0];
      if (choice.at("finish_reason").is_string()) reason = choice.at("finish_reason").as_string();
      content += choice.at("delta").get("content", "");
      const Json* calls = choice.at("delta").find("tool_calls");
      if (!calls) continue;
      const Json& call = calls->as_array()[0];
      EXPECT_EQ(call.at("index").as_int(), 0);
      if (const Json* id = call.find("id")) ids.insert(id->as_string());
      name += call.at("function").get("name", "");
      arguments += call.at("function").at("arguments").as_string();
    }
  }
};

// Also where the answer is cut off before, in or behind the call.
TEST_F(ToolsTest, AStreamedCallIsTheWholeOne) {
  int with_call = 0, cut_inside = 0;
  for (const int most : {4, 8, 12, 14, 16, 18, 20, 24, 28, 32, 200}) {
    const std::string request =
        body(R"(,"tool_choice":"required","max_tokens":)" + std::to_string(most));
    const Json answer = server_.post("/v1/chat/completions", request);
    const Json& whole = answer.at("choices").as_array()[0];
    std::string streamed_request = request;
    streamed_request.insert(1, R"("stream":true,)");
    const auto a = testing::ask(server_.port(), "POST", "/v1/chat/completions", streamed_request);
    EXPECT_EQ(a.status, 200);
    const Streamed streamed(a.body);
    EXPECT_EQ(streamed.reason, whole.at("finish_reason").as_string());
    const Json* calls = whole.at("message").find("tool_calls");
    EXPECT_EQ(streamed.ids.size(), calls ? 1u : 0u) << most;
    if (!calls) {
      EXPECT_EQ(streamed.content, whole.at("message").at("content").as_string());
      continue;
    }
    const Json& function = calls->as_array()[0].at("function");
    EXPECT_EQ(streamed.name, function.at("name").as_string());
    EXPECT_EQ(streamed.arguments, function.at("arguments").as_string());
    ++with_call;
    cut_inside += streamed.reason == "length";
  }
  EXPECT_GT(with_call, 1);
  EXPECT_GT(cut_inside, 0);
}

TEST_F(ToolsTest, SaysWhatIsWrong) {
  const auto has = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  const std::string hi = R"([{"role":"user","content":"hi"}])";
  has(wrong(hi, R"(,"tools":{})"), "'tools' must be a list");
  has(wrong(hi, R"(,"tools":[{"type":"web_search"}])"), "'tools[0].type'");
  has(wrong(hi, R"(,"tools":[{"type":"function","function":{"name":"a b"}}])"),
      "'tools[0].function.name'");
  has(wrong(hi, R"(,"tools":[{"type":"function","function":{"name":"f","parameters":[]}}])"),
      "'tools[0].function.parameters'");
  has(wrong(hi, R"(,"tool_choice":"required")"), "'tools' has no function");
  has(wrong(hi, R"(,"tool_choice":"maybe")"), "'tool_choice' must be");
  has(wrong(hi, R"(,"tools":[{"type":"function","function":{"name":"f"}}],)"
                R"("tool_choice":{"type":"function","function":{"name":"g"}})"),
      "names 'g'");
  has(wrong(hi, R"(,"tools":[{"type":"function","function":{"name":"f","parameters":)"
                R"({"type":"nothing"}}}],"tool_choice":"required")"),
      "the parameters of a tool");
  has(wrong(hi, R"(,"tools":[{"type":"function","function":{"name":"f"}}],)"
                R"("response_format":{"type":"json_object"})"),
      "calls no tools");
  has(wrong(R"([{"role":"user","content":"hi"},{"role":"tool","tool_call_id":"x","content":"1"}])"),
      "no call before it has this id");
  has(wrong(R"([{"role":"assistant","tool_calls":[{"id":"x","function":{"name":"f",)"
            R"("arguments":"{"}}]}])"),
      "messages[0].tool_calls[0].function.arguments");
  has(wrong(R"([{"role":"assistant","tool_calls":[{"function":{"name":"f"}}]}])"),
      "messages[0].tool_calls[0].id");
  has(wrong(hi, R"(,"guided_choice":["a"],"guided_regex":"b")"), "cannot both");
}

TEST(AsksForForm, OnlyWhatMayHaveToBeCompiled) {
  const auto asks = [](const char* body) { return asks_for_form(Json::parse(body, "body")); };
  EXPECT_TRUE(asks(R"({"guided_json":{}})"));
  EXPECT_TRUE(asks(R"({"text":{"format":{"type":"json_object"}}})"));
  EXPECT_TRUE(asks(R"({"tools":[]})"));
  EXPECT_FALSE(asks(R"({"text":"of /tokenize"})"));
  EXPECT_FALSE(asks(R"({"prompt":"x"})"));
  EXPECT_FALSE(asks("[1]"));
}

TEST_F(ToolsTest, GuidedText) {
  const auto text = [&](const std::string& more) {
    return server_
        .post("/v1/completions", R"({"prompt":"a","max_tokens":30,"seed":1,)" + more + "}")
        .at("choices")
        .as_array()[0]
        .at("text")
        .as_string();
  };
  const std::string choice = text(R"("guided_choice":["yes","no"])");
  EXPECT_TRUE(choice == "yes" || choice == "no") << choice;
  const std::string digits = text(R"("guided_regex":"[0-9]{3}-[ab]")");
  EXPECT_EQ(digits.size(), 5u);
  EXPECT_EQ(digits[3], '-');
  EXPECT_EQ(Json::parse(text(R"("guided_json":{"enum":[{"a":1}]})"), "text").at("a").as_int(), 1);
}

}  // namespace
}  // namespace stemma::serve

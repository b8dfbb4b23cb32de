// Calls of functions in answers, whole and piece by piece.
#include "text/chat/tool_calls.h"

#include <gtest/gtest.h>

namespace stemma::chat {
namespace {

using Kind = ToolEvent::Kind;

const char* const kHermes = "{% if tools %}<tool_call>{% endif %}";
const char* const kMistral = "{{ tools }}[TOOL_CALLS]";
const char* const kLlama = "{{ tools }}<|python_tag|>";

struct Read {
  std::string text;
  std::vector<ToolCall> calls;
  bool complete = true;
  std::string order;  // t: text, b: begin, a: arguments, e: end
};

Read read(const char* chat_template, const std::string& answer, std::size_t piece = 0,
          bool begun = false) {
  ToolCallReader reader(tool_format_of(chat_template), begun);
  std::vector<ToolEvent> events, all;
  const std::size_t size = piece == 0 ? answer.size() : piece;
  for (std::size_t at = 0; at < answer.size(); at += size) {
    events.clear();
    reader.push(std::string_view(answer).substr(at, size), events);
    all.insert(all.end(), events.begin(), events.end());
  }
  events.clear();
  reader.finish(events);
  all.insert(all.end(), events.begin(), events.end());
  Read result;
  std::vector<ToolCall> told;
  for (const ToolEvent& e : all) {
    const char kind = "tbae"[static_cast<int>(e.kind)];
    if (result.order.empty() || result.order.back() != kind) result.order += kind;
    if (e.kind == Kind::text) result.text += e.text;
    if (e.kind == Kind::begin) told.push_back({e.text, {}});
    if (e.kind == Kind::arguments) told.at(e.call).arguments += e.text;
  }
  result.calls = reader.calls();
  result.complete = reader.complete();
  EXPECT_EQ(told.size(), result.calls.size());
  for (std::size_t i = 0; i < told.size(); ++i) {
    EXPECT_EQ(told[i].name, result.calls[i].name);
    EXPECT_EQ(told[i].arguments, result.calls[i].arguments);
  }
  return result;
}

// The same whichever way the text is cut.
Read read_all_ways(const char* chat_template, const std::string& answer) {
  const Read whole = read(chat_template, answer);
  for (std::size_t piece = 1; piece < answer.size(); ++piece) {
    const Read cut = read(chat_template, answer, piece);
    EXPECT_EQ(cut.text, whole.text) << answer << " by " << piece;
    EXPECT_EQ(cut.order, whole.order) << answer << " by " << piece;
    EXPECT_EQ(cut.calls.size(), whole.calls.size());
    EXPECT_EQ(cut.complete, whole.complete);
  }
  return whole;
}

TEST(ToolCalls, MarksAroundNothingAreText) {
  const std::vector<std::pair<const char*, std::string>> texts = {
      {kMistral, "[TOOL_CALLS][]\"name\": 1"}, {kHermes, "a <tool_call>\n</tool_call> b"}};
  for (const auto& [form, text] : texts) {
    const Read empty = read_all_ways(form, text);
    EXPECT_TRUE(empty.calls.empty());
    EXPECT_EQ(empty.text, text);
  }
}

TEST(ToolCalls, TaggedCalls) {
  const Read one = read_all_ways(kHermes,
                                 "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": [1, "
                                 "{\"b\": \"}\\\"\"}]}}\n</tool_call>");
  ASSERT_EQ(one.calls.size(), 1u);
  EXPECT_EQ(one.calls[0].name, "add");
  EXPECT_EQ(one.calls[0].arguments, "{\"a\": [1, {\"b\": \"}\\\"\"}]}");
  EXPECT_EQ(one.text, "");
  EXPECT_TRUE(one.complete);
  const Read two = read_all_ways(kHermes,
                                 "Let me see.\n\n<tool_call>{\"name\":\"f\",\"arguments\":{}}"
                                 "</tool_call>\n<tool_call>\n{\"arguments\": {\"x\": 1},"
                                 "\"name\": \"g\"}\n</tool_call>\n");
  EXPECT_EQ(two.text, "Let me see.");
  ASSERT_EQ(two.calls.size(), 2u);
  EXPECT_EQ(two.calls[1].name, "g");
  EXPECT_EQ(two.calls[1].arguments, "{\"x\": 1}");
  EXPECT_EQ(two.order, "tbaebae");
  // A list in one tag, as SmolLM2's larger brother writes; no arguments; arguments as text.
  const Read list = read_all_ways(
      kHermes,
      R"(<tool_call>[{"name": "f"}, {"name": "g", "arguments": "{\"a\": 1}"}]</tool_call>)");
  ASSERT_EQ(list.calls.size(), 2u);
  EXPECT_EQ(list.calls[0].arguments, "{}");
  EXPECT_EQ(list.calls[1].arguments, "{\"a\": 1}");
}

TEST(ToolCalls, ListedAndBareCalls) {
  const Read listed = read_all_ways(
      kMistral,
      R"([TOOL_CALLS] [{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": {}}])");
  ASSERT_EQ(listed.calls.size(), 2u);
  EXPECT_EQ(listed.calls[0].arguments, "{\"a\": 1}");
  EXPECT_EQ(listed.text, "");
  for (const char* answer : {R"({"name": "f", "parameters": {"a": true}})",
                             R"(<|python_tag|>{"name": "f", "parameters": {"a": true}})"}) {
    const Read bare = read_all_ways(kLlama, answer);
    ASSERT_EQ(bare.calls.size(), 1u) << answer;
    EXPECT_EQ(bare.calls[0].arguments, "{\"a\": true}");
    EXPECT_EQ(bare.text, "");
  }
}

TEST(ToolCalls, WhatIsNoCallIsText) {
  for (const char* text :
       {"", "Hello.", "a < b", "<tool", "<tool_call", "<tool_call>", "<tool_call> no", "  \n ",
        "<tool_call>{\"a\": 1}</tool_call>", "<tool_call>{\"name\": 1}</tool_call>",
        "<tool_call>{nothing}", "x <tool_<tool_", "{\"name\": \"f\"}"}) {
    const Read r = read_all_ways(kHermes, text);
    EXPECT_EQ(r.text, text);
    EXPECT_TRUE(r.calls.empty());
  }
  EXPECT_EQ(read_all_ways(kLlama, "{\"answer\": 42} is it").text, "{\"answer\": 42} is it");
  EXPECT_EQ(read_all_ways(kLlama, "No. {\"name\": \"f\"}").text, "No. {\"name\": \"f\"}");
}

TEST(ToolCalls, ACallThatIsCutOffIsNotComplete) {
  const Read r = read_all_ways(kHermes, "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\"");
  EXPECT_FALSE(r.complete);
  EXPECT_EQ(r.order, "ba");
}

TEST(ToolCalls, BehindAMarkInThePrompt) {
  const Read r = read(kHermes, "{\"name\": \"f\", \"arguments\": {}}", 3, true);
  ASSERT_EQ(r.calls.size(), 1u);
  EXPECT_TRUE(r.complete);
}

// Templates that know nothing of tools get them in words.
TEST(ToolFormats, WithoutATemplateForThem) {
  const ToolFormat format = tool_format_of("{% for m in messages %}{{ m.content }}{% endfor %}");
  EXPECT_FALSE(format.in_template);
  Conversation c;
  c.messages = Json::parse(
      R"([{"role":"user","content":"2+3?"},
          {"role":"assistant","content":"","tool_calls":[{"id":"x","type":"function",
            "function":{"name":"add","arguments":{"a":2,"b":3}}}]},
          {"role":"tool","tool_call_id":"x","content":"5"}])",
      "test");
  const Json tools =
      Json::parse(R"([{"type":"function","function":{"name":"add","parameters":{}}}])", "test");
  const Conversation shown = with_tools(c, tools, format);
  const Json::Array& m = shown.messages.as_array();
  ASSERT_EQ(m.size(), 4u);
  EXPECT_EQ(m[0].at("role").as_string(), "system");
  EXPECT_NE(m[0].at("content").as_string().find("\"name\": \"add\""), std::string::npos);
  EXPECT_EQ(m[2].at("content").as_string(),
            "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 2, \"b\": 3}}\n</tool_call>");
  EXPECT_EQ(m[3].at("role").as_string(), "user");
  EXPECT_EQ(m[3].at("content").as_string(), "<tool_response>\n5\n</tool_response>");
  // What is written is what is read.
  EXPECT_EQ(read(kHermes, m[2].at("content").as_string()).calls.at(0).arguments,
            "{\"a\": 2, \"b\": 3}");
  EXPECT_TRUE(tool_format_of(kHermes).in_template);
  EXPECT_EQ(with_tools(c, tools, tool_format_of(kHermes)).messages.as_array().size(), 3u);
}

}  // namespace
}  // namespace stemma::chat

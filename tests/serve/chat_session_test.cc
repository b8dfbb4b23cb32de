// Conversations in a terminal, with somebody who repeats what was said.
#include "serve/terminal/chat_session.h"

#include <fstream>

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"

namespace stemma::serve {
namespace {

class Parrot final : public Talker {
 public:
  Reply reply(const Json& messages, const TalkOptions& options, const Print& print,
              Interrupt) override {
    last = messages;
    temperature = options.temperature.value_or(-1);
    if (fails) throw Error(ErrorCode::invalid_argument, "[generate] the prompt is too long");
    Reply r;
    r.text = "You said " + messages.as_array().back().at("content").as_string();
    print(r.text);
    r.finish = finish;
    r.tokens = 3;
    return r;
  }
  std::string model() const override { return name; }
  void use_model(const std::string& other) override {
    if (other == "missing") throw Error(ErrorCode::not_found, "there is no model 'missing'");
    name = other;
  }
  std::optional<Size> size(const Json& m) override { return Size{std::ssize(m.as_array()), 100}; }

  Json last;
  double temperature = -1;
  bool fails = false;
  std::string name = "parrot", finish = "stop";
};

class ChatSessionTest : public ::testing::Test {
 protected:
  Screen screen() {
    Screen s;
    s.print = [this](std::string_view text) {
      printed_ += text;
      return true;
    };
    s.note = [this](const std::string& text) { notes_ += text + "\n"; };
    s.shows_speed = false;
    return s;
  }
  std::string notes_of(ChatSession& session, const std::string& text) {
    notes_.clear();
    EXPECT_TRUE(session.take(text));
    return notes_;
  }
  std::size_t count(const ChatSession& session) const {
    return session.messages().as_array().size();
  }

  Parrot parrot_;
  std::string printed_, notes_;
  TemporaryFolder folder_;
};

TEST_F(ChatSessionTest, KeepsTheConversation) {
  ChatSession session(parrot_, {.temperature = 0.5}, "Be brief.", screen());
  EXPECT_TRUE(session.take("hello"));
  EXPECT_EQ(printed_, "You said hello\n");
  EXPECT_EQ(parrot_.temperature, 0.5);
  EXPECT_TRUE(session.take("  "));  // nothing was said
  EXPECT_TRUE(session.take("more"));
  ASSERT_EQ(parrot_.last.as_array().size(), 4u);
  EXPECT_EQ(parrot_.last.as_array()[0].at("role").as_string(), "system");
  EXPECT_EQ(parrot_.last.as_array()[2].at("content").as_string(), "You said hello");
  EXPECT_EQ(notes_of(session, "/tokens"), "5 of 100 tokens\n");
  EXPECT_EQ(notes_of(session, "/temp 0.9"), "temperature 0.9\n");
  session.take("/retry");
  EXPECT_EQ(parrot_.temperature, 0.9);
  EXPECT_EQ(parrot_.last.as_array().size(), 4u);
  EXPECT_EQ(count(session), 5u);
  session.take("/undo");
  EXPECT_EQ(count(session), 3u);
  session.take("/clear");
  EXPECT_EQ(count(session), 1u);  // the system message
  session.take("/system");
  EXPECT_EQ(count(session), 0u);
  EXPECT_NE(notes_of(session, "/help").find("/save FILE"), std::string::npos);
  EXPECT_FALSE(session.take("/quit"));
}

TEST_F(ChatSessionTest, SaysWhatIsWrongAndGoesOn) {
  ChatSession session(parrot_, {}, "", screen());
  const auto wrong = [&](const std::string& text, const std::string& part) {
    EXPECT_NE(notes_of(session, text).find(part), std::string::npos) << notes_;
    EXPECT_TRUE(session.failed());
  };
  wrong("/temp warm", "a number from 0 to 100");
  wrong("/temp 1000", "a number from 0 to 100");
  wrong("/retyr", "did you mean '/retry'");
  wrong("/retry", "no message to answer");
  wrong("/save", "the name of a file");
  wrong("/model missing", "no model 'missing'");
  EXPECT_EQ(notes_of(session, "/model other"), "model other\n");
  session.take("hello");
  EXPECT_FALSE(session.failed());
  parrot_.fails = true;
  wrong("a very long story", "/clear begins anew");
  EXPECT_EQ(count(session), 2u);  // it is as if it had not been said
  parrot_.fails = false;
  parrot_.finish = "length";
  EXPECT_NE(notes_of(session, "again").find("cut off"), std::string::npos);
}

TEST_F(ChatSessionTest, SavesAndLoads) {
  const std::string file = (folder_ / "talk.json").string(), page = (folder_ / "talk.md").string();
  ChatSession session(parrot_, {}, "Be brief.", screen());
  session.take("hello");
  EXPECT_NE(notes_of(session, "/save " + file).find("3 messages"), std::string::npos);
  session.take("/save " + page);
  ChatSession other(parrot_, {}, "", screen());
  other.take("/load " + file);
  EXPECT_EQ(other.messages().dump(), session.messages().dump());
  std::ifstream markdown(page);
  const std::string text((std::istreambuf_iterator<char>(markdown)), {});
  EXPECT_NE(text.find("**user**\n\nhello"), std::string::npos);
  EXPECT_ERROR(load_conversation(page), ErrorCode::unsupported, "for readers");
  EXPECT_ERROR(load_conversation((folder_ / "none").string()), ErrorCode::not_found, "none");
  std::ofstream(folder_ / "bad") << R"({"messages":[{"role":"user"}]})";
  EXPECT_ERROR(load_conversation((folder_ / "bad").string()), ErrorCode::corrupt, "message 1");
  EXPECT_NE(notes_of(other, "/save " + (folder_ / "no" / "folder.json").string()).find("error"),
            std::string::npos);
  EXPECT_EQ(other.messages().as_array().size(), 3u);
}

}  // namespace
}  // namespace stemma::serve

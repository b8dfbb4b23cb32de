// Server-sent events as different servers write them.
#include "serve/client/events.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace stemma::serve {
namespace {

std::vector<std::string> events_of(const std::string& text, std::size_t piece) {
  Events events;
  std::vector<std::string> all;
  for (std::size_t at = 0; at < text.size(); at += piece)
    events.push(std::string_view(text).substr(at, piece),
                [&](const std::string& data) { all.push_back(data); });
  return all;
}

TEST(Events, AreTheSameHoweverLinesEndAndPiecesFall) {
  const std::vector<std::string> expected = {"{\"a\": 1}", "two\nlines", "", "[DONE]"};
  const std::string text =
      ": a comment\n\ndata: {\"a\": 1}\n\nevent: x\ndata:two\ndata: lines\n\ndata:\n\ndata: "
      "[DONE]\n\ndata: cut off";
  std::string crlf;
  for (const char c : text) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    EXPECT_EQ(events_of(text, piece), expected) << piece;
    EXPECT_EQ(events_of(crlf, piece), expected) << piece;
  }
}

}  // namespace
}  // namespace stemma::serve

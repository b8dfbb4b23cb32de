// Answers of /v1/chat/completions: messages with text or calls of functions, whole or in chunks.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/api/answer.h"
#include "text/chat/tool_calls.h"

namespace stemma::serve {

struct ChatSettings {
  bool logprobs = false;
  std::optional<chat::ToolFormat> tools = {};  // where the answer may call functions
  bool call_begun = false;                     // the mark of a call ends the prompt
};

class ChatAnswer final : public Answer {
 public:
  ChatAnswer(std::shared_ptr<Exchange> exchange, std::shared_ptr<ModelHost> host, Metrics& metrics,
             AnswerOptions options, ChatSettings settings);

 private:
  Json frame(const char* object, Json choices) const;
  Json score_json(const infer::TokenScore& score) const;
  Json logprobs_json(const Tokens& tokens) const;
  Json message_of(const infer::Generation& g, std::string& reason) const;
  Json chunk(std::size_t choice, Json delta, Json logprobs, Json reason) const;
  chat::ToolCallReader& reader(std::size_t choice);
  Chunks event_chunks(std::size_t choice, const std::vector<chat::ToolEvent>& events,
                      const Tokens& tokens);

  Json whole(std::span<const infer::Generation> choices) override;
  Chunks first_chunks(std::size_t choice) override;
  Chunks text_chunks(std::size_t choice, std::string_view text, const Tokens& tokens) override;
  Chunks last_chunks(std::size_t choice, const infer::Generation& g, const Tokens& tokens) override;
  Json usage_chunk(const Json& usage) override;

  ChatSettings settings_;
  std::string name_;
  std::vector<chat::ToolCallReader> readers_;  // of streamed choices
};

// The calls in a whole answer, and the text before them. A call that the answer's end cuts off is
// one, as far as it came, as in a stream. What began as a call and turned out to be none is text; a
// stream may have given out its name by then.
struct FoundCalls {
  std::string text = {};
  std::vector<chat::ToolCall> calls = {};
  bool cut = false;  // the answer ended inside the last call
};
FoundCalls find_calls(const chat::ToolFormat& format, bool begun, const infer::Generation& g);

}  // namespace stemma::serve

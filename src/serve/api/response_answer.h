// Answers of /v1/responses: items with text or calls of functions, whole or as a stream of events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/api/answer.h"
#include "text/chat/tool_calls.h"

namespace stemma::serve {

struct ResponseSettings {
  Json echoed = Json::object();  // what the answer repeats of the request
  std::optional<chat::ToolFormat> tools = {};
  bool call_begun = false;
};

class ResponseAnswer final : public Answer {
 public:
  ResponseAnswer(std::shared_ptr<Exchange> exchange, std::shared_ptr<ModelHost> host,
                 Metrics& metrics, AnswerOptions options, ResponseSettings settings);

 private:
  // A message or a call.
  struct Item {
    bool is_call = false;
    std::string id, call_id, name, text;  // text: of the message, or the arguments
  };
  Json response(const char* status, Json output, Json usage, const std::string& why) const;
  Json last_response(const infer::Generation& g, Json output) const;
  static Json item_json(const Item& item, const char* status);
  Json numbered(const char* type, Json fields);

  void begin_item(bool is_call, const std::string& name, Chunks& chunks);
  void add_text(const std::string& text, Chunks& chunks);
  void end_item(Chunks& chunks);
  void follow(const std::vector<chat::ToolEvent>& events, Chunks& chunks);
  Json place_of(const Item& item) const;

  Json whole(std::span<const infer::Generation> choices) override;
  Chunks first_chunks(std::size_t choice) override;
  Chunks text_chunks(std::size_t choice, std::string_view text, const Tokens& tokens) override;
  Chunks last_chunks(std::size_t choice, const infer::Generation& g, const Tokens& tokens) override;
  Json usage_chunk(const Json&) override { return {}; }
  Json failure(const std::exception_ptr& error) override;
  std::string event(const Json& chunk) const override;
  std::string end_of_stream() const override { return {}; }

  ResponseSettings settings_;
  std::string name_;
  std::int64_t sequence_ = 0;  // of the next event
  std::vector<Item> items_;
  bool open_ = false;  // the last item goes on
  std::optional<chat::ToolCallReader> reader_;
};

}  // namespace stemma::serve

// Who answers a conversation in a terminal: a model in this process, or a server of OpenAI's API.
//
//   LocalTalker talker(options);
//   const Reply reply = talker.reply(messages, {.temperature = 0.7}, print, interrupt);
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "infer/engine.h"
#include "infer/loaded_model.h"
#include "serve/client/event_client.h"

namespace stemma::serve {

// What was not given is as the model's makers, or the server, want it.
struct TalkOptions {
  std::optional<double> temperature = {}, top_p = {}, min_p = {};
  std::optional<std::int64_t> top_k = {}, max_tokens = {}, seed = {};
};

struct Reply {
  std::string text;
  std::string finish;  // stop, length, or cancelled
  std::int64_t prompt_tokens = 0, tokens = 0;
  double first_seconds = 0, seconds = 0;  // to the first token, and to the last one
};

class Talker {
 public:
  using Print = std::function<bool(std::string_view)>;

  virtual ~Talker() = default;
  // The answer to messages {"role", "content"}, piece by piece. Throws invalid_argument where it
  // cannot be (a conversation longer than the context), and what opening a model or a server's
  // refusal throws; the conversation can go on.
  virtual Reply reply(const Json& messages, const TalkOptions& options, const Print& print,
                      Interrupt interrupt) = 0;
  virtual std::string model() const = 0;
  // Another model: a path, or an id of the server. Throws as opening it, and nothing has changed.
  virtual void use_model(const std::string& name) = 0;
  // Tokens of the conversation, and how many there can be; nothing where that is not known.
  struct Size {
    std::int64_t tokens = 0, most = 0;
  };
  virtual std::optional<Size> size(const Json& messages) = 0;
};

class LocalTalker final : public Talker {
 public:
  // chat_template: as infer::chat_template_of; draft_tokens: as EngineOptions. Throws as
  // LoadedModel::open, and unsupported for a model without a chat template.
  LocalTalker(infer::ModelOptions options, std::string chat_template, std::int64_t draft_tokens);
  ~LocalTalker() override;

  Reply reply(const Json& messages, const TalkOptions& options, const Print& print,
              Interrupt interrupt) override;
  std::string model() const override { return options_.path.string(); }
  void use_model(const std::string& name) override;
  std::optional<Size> size(const Json& messages) override;

 private:
  struct Opened;
  std::unique_ptr<Opened> opened(const infer::ModelOptions& options) const;

  infer::ModelOptions options_;
  std::string chat_template_;
  std::int64_t draft_tokens_;
  std::unique_ptr<Opened> opened_;
};

class RemoteTalker final : public Talker {
 public:
  // model: empty: the first that the server has, of ours the first that chats. Throws as
  // EventClient.
  RemoteTalker(Endpoint endpoint, std::string key, std::string model);

  Reply reply(const Json& messages, const TalkOptions& options, const Print& print,
              Interrupt interrupt) override;
  std::string model() const override { return model_; }
  void use_model(const std::string& name) override;
  // Known of the conversation that was answered last, as long as it is that one.
  std::optional<Size> size(const Json& messages) override;

 private:
  std::vector<std::string> models();

  EventClient client_;
  std::string model_;
  std::vector<std::string> chatting_;  // models that can chat, where the server says so
  std::optional<Size> last_;           // of the last reply, and what it answered
  std::string answered_;
};

}  // namespace stemma::serve

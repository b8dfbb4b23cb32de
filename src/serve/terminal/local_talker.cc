#include <algorithm>
#include <random>
#include <utility>

#include "base/error.h"
#include "infer/chat_prompt.h"
#include "infer/generation_defaults.h"
#include "serve/terminal/talker.h"

namespace stemma::serve {
namespace {

infer::EngineOptions talking_engine(std::int64_t draft_tokens) {
  infer::EngineOptions options;
  options.slots = 1;
  options.share_prefixes = true;  // each turn begins like the one before
  options.draft_tokens = draft_tokens;
  return options;
}

chat::Conversation conversation_of(const Json& messages) {
  chat::Conversation conversation;
  conversation.messages = messages;
  return conversation;
}

}  // namespace

struct LocalTalker::Opened {
  infer::LoadedModel model;
  infer::Engine engine;

  Opened(infer::LoadedModel opened, const infer::EngineOptions& options)
      : model(std::move(opened)), engine(model, options) {}
};

LocalTalker::LocalTalker(infer::ModelOptions options, std::string chat_template,
                         std::int64_t draft_tokens)
    : options_(std::move(options)),
      chat_template_(std::move(chat_template)),
      draft_tokens_(draft_tokens),
      opened_(opened(options_)) {}

LocalTalker::~LocalTalker() = default;

std::unique_ptr<LocalTalker::Opened> LocalTalker::opened(const infer::ModelOptions& options) const {
  infer::LoadedModel model = infer::LoadedModel::open(options);
  (void)infer::chat_template_of(model, chat_template_);  // throws where there is none
  return std::make_unique<Opened>(std::move(model), talking_engine(draft_tokens_));
}

void LocalTalker::use_model(const std::string& name) {
  infer::ModelOptions options = options_;
  options.path = name;
  options.adapter.clear();
  opened_ = opened(options);
  options_ = std::move(options);
}

std::optional<Talker::Size> LocalTalker::size(const Json& messages) {
  const auto prompt = infer::chat_prompt(opened_->model, conversation_of(messages), chat_template_);
  return Size{std::ssize(prompt.ids), opened_->engine.capacity()};
}

Reply LocalTalker::reply(const Json& messages, const TalkOptions& o, const Print& print,
                         Interrupt interrupt) {
  const infer::ChatPrompt prompt =
      infer::chat_prompt(opened_->model, conversation_of(messages), chat_template_);
  infer::Request request{prompt.ids, infer::generation_defaults(opened_->model), {}};
  infer::GenerateOptions& g = request.options;
  prompt.set_ends(g);
  g.max_tokens = o.max_tokens.value_or(opened_->engine.capacity());
  g.sampling.temperature = o.temperature.value_or(g.sampling.temperature);
  g.sampling.top_p = o.top_p.value_or(g.sampling.top_p);
  g.sampling.min_p = o.min_p.value_or(g.sampling.min_p);
  g.sampling.top_k = o.top_k.value_or(g.sampling.top_k);
  g.sampling.seed =
      o.seed ? static_cast<std::uint64_t>(*o.seed) : std::uint64_t{std::random_device()()};
  g.on_text = print;
  g.interrupt = interrupt;
  const infer::Generation done = std::move(opened_->engine.run({std::move(request)}).front());
  if (done.error) std::rethrow_exception(done.error);
  Reply reply;
  reply.text = done.text;
  reply.prompt_tokens = std::ssize(prompt.ids);
  reply.tokens = std::ssize(done.ids);
  reply.first_seconds = done.prefill_seconds;
  reply.seconds = done.prefill_seconds + done.decode_seconds;
  const bool cut =
      done.finish == infer::FinishReason::length || done.finish == infer::FinishReason::context;
  reply.finish = cut                                             ? "length"
                 : done.finish == infer::FinishReason::cancelled ? "cancelled"
                                                                 : "stop";
  return reply;
}

}  // namespace stemma::serve

#include "serve/engine_host.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "infer/constraint.h"

namespace stemma::serve {
namespace {

std::unique_ptr<infer::Engine> engine_for(const infer::LoadedModel& model,
                                          const HostOptions& options) {
  if (!model.config().causal || !model.model().has_token_head()) return nullptr;
  infer::EngineOptions engine = options.engine;
  if (options.draft) engine.draft_model = &*options.draft;
  return std::make_unique<infer::Engine>(model, engine);
}

// A model whose own template cannot be used is served without one.
std::optional<chat::ChatTemplate> chat_for(const infer::LoadedModel& model,
                                           const HostOptions& options) {
  if (!options.chat_template.empty()) return chat::ChatTemplate::open(options.chat_template);
  const Tokenizer* tokenizer = model.find_tokenizer();
  if (!tokenizer || tokenizer->chat_template().empty()) return std::nullopt;
  try {
    return chat::ChatTemplate(tokenizer->chat_template());
  } catch (const Error& error) {
    log_warning(
        fmt::format("{} is served without its chat template: {}", options.name, error.what()));
    return std::nullopt;
  }
}

infer::Generation failed(std::exception_ptr error) {
  infer::Generation g;
  g.finish = infer::FinishReason::failed;
  g.error = std::move(error);
  return g;
}

}  // namespace

EngineHost::EngineHost(infer::LoadedModel model, HostOptions options, Metrics& metrics,
                       Turns& turns)
    : model_(std::move(model)),
      options_(std::move(options)),
      metrics_(metrics),
      turns_(turns),
      engine_(engine_for(model_, options_)),
      chat_(chat_for(model_, options_)) {
  if (engine_) load_ = engine_->load();
  if (model_.find_tokenizer())
    embedder_ = std::make_unique<infer::TextEmbedder>(
        model_, infer::Pooling::of_folder(model_.path(), model_.config()));
  thread_ = std::thread([this] { work(); });
}

void EngineHost::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = 1;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool EngineHost::submit(std::vector<Job> jobs, const std::function<void()>& accepted) {
  {
    const std::lock_guard lock(mutex_);
    // Those that find a slot at once do not wait.
    const auto here = inbox_.size() + static_cast<std::size_t>(load_.waiting + load_.running);
    const auto room = options_.most_waiting + static_cast<std::size_t>(options_.engine.slots);
    if (stop_ != 0 || here + jobs.size() > room) return false;
    if (accepted) accepted();
    for (Job& job : jobs) inbox_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

bool EngineHost::embed(Embeddings::Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_ != 0 || texts_inbox_.size() + embedding_ >= options_.most_waiting) return false;
    texts_inbox_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

const infer::TextEmbedder& EngineHost::embedder() const {
  if (!embedder_) (void)model_.tokenizer();  // throws, and says what to do
  return *embedder_;
}

std::shared_ptr<const grammar::MaskCache> EngineHost::masks(const std::string& key,
                                                            const MakeGrammar& make) {
  constexpr std::size_t kMostGrammars = 32;
  const std::lock_guard lock(masks_mutex_);
  const auto found = std::ranges::find_if(masks_, [&](const Masks& m) { return m.key == key; });
  if (found != masks_.end()) {
    masks_.splice(masks_.begin(), masks_, found);
  } else {
    if (!tokens_) tokens_ = infer::constraint_tokens(model_);
    Masks made{key, {}};
    try {
      made.masks = infer::constraint(make(), tokens_);
    } catch (const Error&) {
      made.refusal = std::current_exception();
    }
    masks_.push_front(std::move(made));
    if (masks_.size() > kMostGrammars) masks_.pop_back();
  }
  if (masks_.front().refusal) std::rethrow_exception(masks_.front().refusal);
  return masks_.front().masks;
}

infer::Engine::Load EngineHost::load() const {
  const std::lock_guard lock(mutex_);
  infer::Engine::Load load = load_;
  load.waiting += static_cast<std::int64_t>(inbox_.size());
  return load;
}

void EngineHost::take(std::vector<Job>& jobs) {
  for (Job& job : jobs) {
    try {
      const std::int64_t number = engine_->submit(std::move(job.request));
      done_.emplace(number, std::move(job.done));
    } catch (...) {
      finish(job.done, failed(std::current_exception()));
    }
  }
  jobs.clear();
}

// An answer that cannot be put into words is this one's failure; the others go on.
void EngineHost::finish(const Done& done, infer::Generation generation) {
  try {
    done(std::move(generation));
  } catch (const std::exception& error) {
    log_error(fmt::format("[serve] an answer of {} failed: {}", options_.name, error.what()));
  }
}

// A pass that finds no memory has lost nothing and is tried again, with a pause for others. What
// fails again and again ends the requests, so that nobody waits for ever.
void EngineHost::pass() {
  constexpr int kMostFailures = 20;
  std::vector<infer::Engine::Completed> completed;
  const auto begin = std::chrono::steady_clock::now();
  try {
    const Turns::Turn turn(turns_);
    completed = engine_->step();
    failures_ = 0;
    const infer::Engine::Load load = engine_->load();
    metrics_.batch_size.observe(static_cast<double>(load.running + std::ssize(completed)));
    metrics_.cache_use.observe(static_cast<double>(load.pages - load.free_pages) /
                               static_cast<double>(load.pages));
    metrics_.pass_seconds.observe(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  } catch (const std::exception& error) {
    log_error(fmt::format("[serve] a pass of {} failed: {}", options_.name, error.what()));
    if (++failures_ < kMostFailures) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      return;
    }
    failures_ = 0;
    completed = engine_->fail_all(std::current_exception());
  }
  for (infer::Engine::Completed& c : completed) {
    const auto found = done_.find(c.number);
    const Done done = std::move(found->second);
    done_.erase(found);
    finish(done, std::move(c.generation));
  }
}

void EngineHost::embed_pass() {
  const Turns::Turn turn(turns_);
  embeddings_.passes(
      kSharedPassesTime, kSharedPassTokens, [](const Ids& ids) { return std::ssize(ids); },
      [&](std::span<const Ids> texts) {
        return embedder().embed_ids({texts.begin(), texts.end()});
      });
}

void EngineHost::work() {
  std::vector<Job> jobs;
  std::vector<Embeddings::Job> texts;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (engine_) load_ = engine_->load();
      embedding_ = embeddings_.size();
      wake_.wait(lock, [&] {
        return stop_ != 0 || !inbox_.empty() || !texts_inbox_.empty() || !embeddings_.empty() ||
               (engine_ && !engine_->idle());
      });
      if (stop_ != 0) break;
      jobs.swap(inbox_);
      texts.swap(texts_inbox_);
      embedding_ += texts.size();
    }
    for (Embeddings::Job& job : texts) embeddings_.add(std::move(job));
    texts.clear();
    if (!embeddings_.empty()) embed_pass();
    if (!engine_) continue;
    take(jobs);
    if (!engine_->idle()) pass();
  }
  const auto stopped =
      std::make_exception_ptr(Error(ErrorCode::communication, "the server is shutting down"));
  const std::lock_guard lock(mutex_);
  for (auto& [number, done] : done_) finish(done, failed(stopped));
  for (Job& job : inbox_) finish(job.done, failed(stopped));
  for (Embeddings::Job& job : texts_inbox_) embeddings_.add(std::move(job));
  embeddings_.fail_all(stopped);
}

}  // namespace stemma::serve

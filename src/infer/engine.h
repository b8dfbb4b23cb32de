// Requests in, tokens out: many texts written at a time with one model. `generate` is one request;
// evaluation, roll-outs and a server are many.
//
//   Engine engine(model, {.slots = 16});
//   for (Request& r : requests) engine.submit(std::move(r));
//   while (!engine.idle())
//     for (Engine::Completed& c : engine.step()) answer(c.number, c.generation);
//
// Continuous batching (Yu et al. 2022, "Orca"): each step is one packed pass over the next token of
// every sequence that writes and the prompts of those that begin, in pieces (chunked prefill,
// Agrawal et al. 2024, "Sarathi-Serve"). A request that ends gives its slot of the cache to the one
// that has waited longest. Sequences take pages of the cache as they grow; where these are short,
// the one that came last gives its own back and is computed anew later (pre-emption by recompute).
//
// What a request gets is a function of the request alone, bit for bit, whatever else is in the
// batch, and for any number of slots, pages and threads: kernels sum each row in an order of its
// own, and a page of an earlier request has the bits that this one would compute.
//
// One thread calls the engine and the listeners run on it. Requests are listened to in the order in
// which they were submitted.
#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "infer/cached_pass.h"
#include "infer/drafter.h"
#include "infer/loaded_model.h"
#include "infer/request.h"
#include "infer/sequence_cache.h"
#include "text/tokenizer.h"

namespace stemma::infer {

struct EngineOptions {
  std::int64_t slots = 8;     // sequences at once
  std::int64_t capacity = 0;  // tokens of a sequence; 0: the model's context
  // Tokens of all sequences in the cache, those of earlier requests among them; 0: all slots can be
  // full. At least the capacity of one sequence is taken.
  std::int64_t cache_tokens = 0;
  // Tokens of prompts in one pass, at most: a longer prompt takes several passes. `beside`: where
  // others write meanwhile, who wait no longer than that.
  std::int64_t prompt_tokens = 2048, prompt_tokens_beside = 256;
  // Whether a request may begin with the keys and values of an earlier one that began alike.
  bool share_prefixes = false;
  // Speculative decoding (drafter.h): tokens that are guessed ahead of one text, at most; 0: none.
  // By a model of the same vocabulary, which must outlive the engine; null: by what the text
  // repeats. Guesses are made where they cost little: beside few others that write.
  std::int64_t draft_tokens = 0;
  const LoadedModel* draft_model = nullptr;
  // The ids that end a text; not given: what the loaded model or the tokenizer says.
  std::optional<std::vector<std::int32_t>> end_tokens = {};
};

class Engine {
 public:
  // What is given must outlive the engine. Throws invalid_argument (options), unsupported (a model
  // that does not predict the next token), out_of_memory (the cache).
  explicit Engine(const LoadedModel& model, const EngineOptions& options = {});
  // A model in memory, in training for example, with the first of `adapters` (null: without).
  // Without a tokenizer (null) there are ids only.
  Engine(const Model& model, const ops::Numerics& numerics, Stream& stream,
         const Tokenizer* tokenizer, const EngineOptions& options = {},
         const nn::Adapters* adapters = nullptr);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  struct Completed {
    std::int64_t number = 0;  // what submit() returned
    Generation generation;
  };

  // Throws as submit(). From any thread.
  void check(const Request& request) const;
  // Queues a request; returns its number, ascending from 0. Throws invalid_argument where it is
  // impossible (an empty prompt, more tokens than a slot holds, ids outside the vocabulary,
  // sampling options; stop strings without a tokenizer: not_found); the engine and the other
  // requests go on.
  std::int64_t submit(Request request);

  // One pass, and the requests that ended with it. An error of one request (scores that are not
  // finite, an exception of its listener) ends that request as `failed`. Throws out_of_memory where
  // the pass found no room: no request has lost anything then.
  std::vector<Completed> step();
  // Ends all requests as failed, with this error; after errors of step() that come again and again.
  std::vector<Completed> fail_all(const std::exception_ptr& error);
  bool idle() const { return waiting_.empty() && running_.empty() && scoring_.empty(); }

  // All of these, in their order. Throws invalid_argument for an impossible one before anything
  // runs, and when the engine is not idle.
  std::vector<Generation> run(std::vector<Request> requests);

  std::int64_t slots() const { return options_.slots; }
  // Tokens of a sequence with this adapter (null: the engine's own).
  std::int64_t capacity(const nn::Adapter* adapter = nullptr) const;
  // Constant allocations of its passes show that repeated steps allocate nothing.
  const ops::Arena& arena() const { return pass_.forward().arena(); }

  struct Load {
    std::int64_t waiting = 0, running = 0;   // requests
    std::int64_t pages = 0, free_pages = 0;  // of the cache
    std::int64_t preempted = 0;              // how often a request gave its pages back, so far
    std::int64_t prompt_tokens = 0, known_tokens = 0;  // of prompts, so far; found in the cache
    std::int64_t drafted = 0, accepted = 0;            // tokens guessed, so far; that were right
  };
  Load load() const;

 private:
  struct Sequence;

  void drop_cancelled(std::deque<std::unique_ptr<Sequence>>& sequences);
  void admit();
  void score();
  void advance();
  std::vector<std::int64_t> shares_of_pass() const;
  void make_room(std::vector<std::int64_t>& shares);
  void propose();
  void keep_drafts(bool in_text);
  void preempt(Sequence& sequence);
  SequenceCache::Beginning beginning_of(const Sequence& sequence);
  void read(const Tensor& logits);
  void choose(Sequence& sequence, std::span<const float> logits, std::size_t vocab);
  void accept(Sequence& sequence);
  std::optional<FinishReason> take_tokens(Sequence& sequence);
  std::optional<FinishReason> take_token(Sequence& sequence, const ScoredToken& token);
  void finish(Sequence& sequence, FinishReason reason);

  const Tokenizer* tokenizer_;
  std::vector<std::int32_t> unused_ids_;  // of the vocabulary, without a token
  EngineOptions options_;
  std::vector<std::int32_t> end_tokens_;
  CachedPass pass_;
  SequenceCache cache_;
  std::unique_ptr<Drafter> drafter_;  // null: nothing is guessed
  std::int64_t submitted_ = 0;
  std::deque<std::unique_ptr<Sequence>> waiting_, scoring_, running_;  // ascending numbers
  struct Row {
    Sequence* sequence;
    std::int64_t after;  // the token, counted from the sequence's first, that the logits follow
  };
  std::vector<Row> rows_;           // of the logits that the pass gives, in its order
  std::vector<float> host_logits_;  // [M, V]
  std::vector<Completed> completed_;
  Load load_;
};

}  // namespace stemma::infer

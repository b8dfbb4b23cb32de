#include "infer/beam_search.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "infer/cached_pass.h"
#include "infer/score_token.h"

namespace stemma::infer {
namespace {

void require(bool holds, const char* option, const char* allowed, double value) {
  if (!holds)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[beam search] {} must be {}, got {:g}", option, allowed, value));
}

void check(const LoadedModel& model, std::span<const std::int32_t> prompt, const BeamOptions& o) {
  model.require_next_token("beam search");
  model.require_token_head("beam search");
  require(o.beams >= 1 && o.beams <= 256, "beams", "1 to 256", static_cast<double>(o.beams));
  require(o.max_tokens >= 1, "max_tokens", "1 or more", static_cast<double>(o.max_tokens));
  require(std::isfinite(o.length_penalty) && std::abs(o.length_penalty) <= 100, "length_penalty",
          "-100 to 100", o.length_penalty);
  if (prompt.empty() || std::ssize(prompt) > model.most_tokens())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[beam search] the prompt must have 1 to {} tokens, it has {}",
                            model.most_tokens(), prompt.size()));
  check_ids(model.config(), prompt, "beam search");
  check_ids(model.config(), o.end_tokens, "beam search");
}

class Search {
 public:
  Search(const LoadedModel& model, std::span<const std::int32_t> prompt, const BeamOptions& options)
      : options_(options),
        stream_(model.stream()),
        prompt_(std::ssize(prompt)),
        most_(std::min(options.max_tokens, model.most_tokens() - prompt_ + 1)),
        pass_(model, {.slots = 2 * options.beams, .capacity = prompt_ + most_ - 1}) {
    if (!options.ignore_end_of_text) {
      ends_ = model.end_tokens();
      ends_.insert(ends_.end(), options.end_tokens.begin(), options.end_tokens.end());
    }
    for (std::int64_t slot = pass_.slots(); slot-- > 1;) free_slots_.push_back(slot);
    beams_.push_back({});
    next_.assign(prompt.begin(), prompt.end());
  }

  std::vector<BeamText> run() {
    while (!beams_.empty() && can_improve() && !options_.interrupt.requested()) step();
    // What was interrupted is better than nothing.
    if (ended_.empty())
      for (const Beam& beam : beams_) end(beam, beam.ids, FinishReason::cancelled);
    return std::move(ended_);
  }

 private:
  struct Beam {
    std::int64_t slot = 0;
    std::vector<std::int32_t> ids = {};
    double log_probability = 0;
  };
  struct Candidate {
    std::size_t beam = 0;
    std::int32_t id = 0;
    double log_probability = 0;
  };

  double score(double log_probability, std::int64_t tokens) const {
    return log_probability / std::pow(static_cast<double>(tokens), options_.length_penalty);
  }
  bool is_end(std::int32_t id) const { return std::ranges::count(ends_, id) > 0; }

  // Whether the best beam, if nothing were taken off it any more, could replace the worst text.
  bool can_improve() const {
    if (std::ssize(ended_) < options_.beams) return true;
    if (options_.early_stopping) return false;
    const std::int64_t length = std::max<std::int64_t>(std::ssize(beams_.front().ids), 1);
    return score(beams_.front().log_probability, length) > ended_.back().score;
  }

  // The likeliest continuations of all beams, as many as leave enough of them that go on.
  std::vector<Candidate> candidates() {
    std::vector<CachedPass::Part> parts;
    for (std::size_t b = 0; b < beams_.size(); ++b)
      parts.push_back({.slot = beams_[b].slot,
                       .ids = beams_[b].ids.empty()
                                  ? std::span<const std::int32_t>(next_)
                                  : std::span<const std::int32_t>(beams_[b].ids).last(1)});
    const auto count = static_cast<std::int64_t>(std::max<std::size_t>(2, 1 + ends_.size()) *
                                                 static_cast<std::size_t>(options_.beams));
    std::vector<ScoredToken> rows(parts.size());
    pass_.run(parts, [&](const Tensor& logits) {
      choose_rows(stream_, logits, host_logits_, [&](std::size_t b, std::span<const float> row) {
        rows[b] = score_token(row, 0, std::min(count, static_cast<std::int64_t>(row.size())));
      });
    });
    std::vector<Candidate> all;
    for (std::size_t b = 0; b < rows.size(); ++b)
      for (const TokenScore& token : rows[b].top) {
        if (!std::isfinite(token.log_probability))
          throw Error(ErrorCode::corrupt,
                      "[score] the model's scores are not finite: its weights are damaged");
        all.push_back({b, token.id, beams_[b].log_probability + token.log_probability});
      }
    std::ranges::stable_sort(all, std::ranges::greater{}, &Candidate::log_probability);
    if (std::ssize(all) > count) all.resize(static_cast<std::size_t>(count));
    return all;
  }

  void step() {
    const std::vector<Candidate> best = candidates();
    std::vector<Candidate> going_on;
    for (std::size_t rank = 0; rank < best.size(); ++rank) {
      const Candidate& c = best[rank];
      const Beam& parent = beams_[c.beam];
      const bool ends = is_end(c.id), last = std::ssize(parent.ids) + 1 == most_;
      if (!ends && !last) {
        if (std::ssize(going_on) < options_.beams) going_on.push_back(c);
        continue;
      }
      if (static_cast<std::int64_t>(rank) >= options_.beams) continue;
      std::vector<std::int32_t> ids = parent.ids;
      if (!ends) ids.push_back(c.id);
      end({parent.slot, parent.ids, c.log_probability}, std::move(ids),
          ends                          ? FinishReason::end_of_text
          : most_ < options_.max_tokens ? FinishReason::context
                                        : FinishReason::length);
    }
    go_on(going_on);
  }

  // A text that has ended takes its place among the others.
  void end(const Beam& beam, std::vector<std::int32_t> ids, FinishReason reason) {
    const std::int64_t tokens = reason == FinishReason::cancelled
                                    ? std::max<std::int64_t>(std::ssize(ids), 1)
                                    : std::ssize(beam.ids) + 1;
    BeamText text{
        std::move(ids), {}, beam.log_probability, score(beam.log_probability, tokens), reason};
    const auto at =
        std::ranges::upper_bound(ended_, text.score, std::ranges::greater{}, &BeamText::score);
    ended_.insert(at, std::move(text));
    if (std::ssize(ended_) > options_.beams) ended_.pop_back();
  }

  // Children share the pages of their parent and copy the last one when they write to it.
  void go_on(const std::vector<Candidate>& chosen) {
    std::vector<Beam> children;
    KeyValueCache& cache = pass_.cache();
    for (const Candidate& c : chosen) {
      const Beam& parent = beams_[c.beam];
      Beam child{free_slots_.back(), parent.ids, c.log_probability};
      free_slots_.pop_back();
      child.ids.push_back(c.id);
      cache.begin(child.slot, cache.pages(parent.slot), cache.length(parent.slot));
      children.push_back(std::move(child));
    }
    for (const Beam& parent : beams_) {
      pass_.truncate(parent.slot, 0);
      free_slots_.push_back(parent.slot);
    }
    beams_ = std::move(children);
  }

  BeamOptions options_;
  Stream& stream_;
  std::int64_t prompt_, most_;  // tokens of the prompt; of a continuation
  CachedPass pass_;
  std::vector<std::int32_t> ends_, next_;
  std::vector<std::int64_t> free_slots_;
  std::vector<Beam> beams_;      // the best first
  std::vector<BeamText> ended_;  // the best first
  std::vector<float> host_logits_;
};

}  // namespace

std::vector<BeamText> beam_search(const LoadedModel& model, std::span<const std::int32_t> prompt,
                                  const BeamOptions& options) {
  check(model, prompt, options);
  std::vector<BeamText> texts = Search(model, prompt, options).run();
  if (const Tokenizer* tokenizer = model.find_tokenizer())
    for (BeamText& text : texts) text.text = tokenizer->decode(text.ids);
  return texts;
}

}  // namespace stemma::infer

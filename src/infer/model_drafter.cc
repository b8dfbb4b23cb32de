#include "infer/model_drafter.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::infer {
namespace {

const LoadedModel& checked(const LoadedModel& draft, const LoadedModel& model) {
  draft.require_next_token("draft");
  if (draft.config().vocab != model.config().vocab)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[draft] the draft model has a vocabulary of {}, the model one of {}: "
                            "only a model with the same tokenizer can draft",
                            draft.config().vocab, model.config().vocab));
  const Tokenizer *a = draft.find_tokenizer(), *b = model.find_tokenizer();
  if (!a || !b) return draft;
  for (std::int32_t id = 0; id < model.config().vocab; ++id)
    if (a->has_token(id) != b->has_token(id) ||
        (a->has_token(id) && a->bytes_of(id) != b->bytes_of(id)))
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("[draft] token {} of the draft model is another one than the model's: "
                      "only a model with the same tokenizer can draft",
                      id));
  return draft;
}

}  // namespace

ModelDrafter::ModelDrafter(const LoadedModel& draft, const LoadedModel& model, std::int64_t slots,
                           std::int64_t capacity)
    : pass_(checked(draft, model).model(), draft.numerics(), model.stream(),
            {.slots = slots, .capacity = std::min(capacity, draft.most_tokens())},
            draft.adapters()),
      capacity_(pass_.slot_tokens()),
      seen_(static_cast<std::size_t>(slots)) {}

// Each round is one pass over those that want another token: what its cache has not seen of a text
// at first, and then the token that was guessed last.
void ModelDrafter::propose(std::span<Wanted> wanted) {
  std::vector<std::vector<std::int32_t>> next(wanted.size());
  std::vector<std::vector<std::int32_t>> texts(wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const Wanted& w = wanted[i];
    texts[i].assign(w.ids.begin(), w.ids.end());
    std::vector<std::int32_t>& known = seen(w.slot);
    const auto differ = std::mismatch(known.begin(), known.end(), w.ids.begin(), w.ids.end() - 1);
    known.erase(differ.first, known.end());
    pass_.truncate(w.slot, std::ssize(known));
    next[i].assign(w.ids.begin() + std::ssize(known), w.ids.end());
  }
  for (std::int64_t round = 0;; ++round) {
    std::vector<CachedPass::Part> parts;
    std::vector<std::size_t> asked;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (round >= wanted[i].most || std::ssize(texts[i]) > capacity_) continue;
      parts.push_back({.slot = wanted[i].slot, .ids = next[i]});
      asked.push_back(i);
    }
    if (parts.empty()) return;
    std::vector<std::int32_t> chosen(parts.size());
    pass_.run(parts, [&](const Tensor& logits) {
      choose_rows(pass_.forward().stream(), logits, host_logits_,
                  [&](std::size_t row, std::span<const float> scores) {
                    const Wanted& w = wanted[asked[row]];
                    chosen[row] = w.sampler->next(
                        {.logits = scores, .ids = texts[asked[row]], .prompt = w.prompt});
                  });
    });
    for (std::size_t p = 0; p < asked.size(); ++p) {
      const std::size_t i = asked[p];
      seen(wanted[i].slot).insert(seen(wanted[i].slot).end(), next[i].begin(), next[i].end());
      next[i] = {chosen[p]};
      texts[i].push_back(chosen[p]);
      wanted[i].draft.push_back(chosen[p]);
    }
  }
}

void ModelDrafter::close(std::int64_t slot) {
  pass_.truncate(slot, 0);
  seen(slot).clear();
}

}  // namespace stemma::infer

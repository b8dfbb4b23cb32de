#include "tasks/head_pass.h"

#include <algorithm>

#include "nn/residual.h"
#include "ops/combine_rows.h"
#include "ops/dropout.h"

namespace stemma::tasks {
namespace {

// Behind the sites of the blocks.
std::uint32_t head_site(const ModelConfig& config, std::size_t head) {
  return nn::site_of(config.layers + static_cast<std::int64_t>(head),
                     nn::DropoutSite::attention_weights);
}

// The terms of one vector: what the task's input takes of a sequence, as places in the batch.
class TermWriter {
 public:
  TermWriter(HeadRows& rows, HeadInput input, const Batch& batch, std::int64_t first_sequence)
      : rows_(rows), input_(input), batch_(batch), first_sequence_(first_sequence) {}

  void add(const HeadTerm& term) {
    const std::int64_t sequence = first_sequence_ + term.text;
    const auto at = static_cast<std::size_t>(sequence);
    const std::int64_t begin = batch_.offsets[at], end = batch_.offsets[at + 1];
    if (term.token != kWholeText) return add(term, begin + term.token, 1);
    switch (input_) {
      case HeadInput::pooler:
        return add(term, sequence, 1);
      case HeadInput::first:
        return add(term, begin, 1);
      case HeadInput::mean:
        for (std::int64_t i = begin; i < end; ++i)
          add(term, i, 1.0f / static_cast<float>(end - begin));
        return;
      case HeadInput::last:
      case HeadInput::tokens:
        break;
    }
    add(term, end - 1, 1);
  }

 private:
  void add(const HeadTerm& term, std::int64_t from, float share) {
    rows_.to.push_back(static_cast<std::int32_t>(rows_.rows) + term.row);
    rows_.from.push_back(static_cast<std::int32_t>(from));
    rows_.weight.push_back(term.weight * share);
  }

  HeadRows& rows_;
  HeadInput input_;
  const Batch& batch_;
  std::int64_t first_sequence_;
};

void append_sequence(Batch& batch, const Framed& text, std::int64_t number) {
  const auto size = static_cast<std::int32_t>(text.ids.size());
  batch.ids.insert(batch.ids.end(), text.ids.begin(), text.ids.end());
  batch.segments.insert(batch.segments.end(), text.segments.begin(), text.segments.end());
  for (std::int32_t i = 0; i < size; ++i) batch.positions.push_back(i);
  batch.offsets.push_back(batch.tokens());
  batch.numbers.push_back(number);
}

}  // namespace

void clear_batch(Batch& batch, std::size_t heads) {
  batch = {};
  batch.offsets = {0};
  batch.heads.assign(heads, {});
  for (HeadRows& rows : batch.heads) rows.groups = rows.offsets = {0};
}

void append(Batch& batch, const Task& task, const EncodedExample& example, std::int64_t number,
            std::size_t head) {
  // Sequences of one example draw masks of their own.
  constexpr std::int64_t kMostTexts = 1 << 16;
  const std::int64_t first_sequence = batch.sequences();
  for (std::size_t i = 0; i < example.texts.size(); ++i)
    append_sequence(batch, example.texts[i], number * kMostTexts + static_cast<std::int64_t>(i));
  HeadRows& rows = batch.heads[head];
  rows.of_sequences = task.description().input == HeadInput::pooler;
  TermWriter writer(rows, task.description().input, batch, first_sequence);
  for (const HeadTerm& term : example.terms) writer.add(term);
  const std::int64_t k = task.description().outputs();
  const std::int64_t answers = task.one_answer() ? 1 : example.rows;
  const std::int64_t size = example.rows * k / std::max<std::int64_t>(answers, 1);
  for (std::int64_t i = 0; i < answers; ++i) {
    rows.groups.push_back(rows.groups.back() + size);
    rows.answer_weights.push_back(example.wanted.empty() ? 0.0f : example.weight);
  }
  rows.wanted.insert(rows.wanted.end(), example.wanted.begin(), example.wanted.end());
  rows.wanted.resize(static_cast<std::size_t>(rows.rows + example.rows) *
                     static_cast<std::size_t>(k));
  for (std::int32_t i = 0; i < example.rows; ++i) rows.positions.push_back(i);
  rows.numbers.push_back(number);
  rows.rows += example.rows;
  rows.offsets.push_back(rows.rows);
}

HeadParts head_of(const Model& model, std::size_t head) {
  const bool pooled = model.config().task_heads.at(head).input == HeadInput::pooler;
  return {&model.task_head(head), pooled ? &model.pooler() : nullptr};
}

Tensor head_scores(const train::States& s, const HeadParts& parts, std::size_t head) {
  const ModelConfig& config = s.model.config();
  const HeadRows& rows = s.batch.heads.at(head);
  const Tensor states = parts.pooler ? (*parts.pooler)(s.ctx, s.h, s.batch) : s.h;
  Tensor vectors = ops::combine_rows(s.ctx, states, {rows.to, rows.from, rows.weight}, rows.rows);
  if (s.ctx.training())
    vectors =
        ops::dropout(s.ctx, ops::DropoutRows{rows.positions, rows.numbers, rows.offsets}, vectors,
                     {}, static_cast<float>(config.residual_dropout), head_site(config, head));
  return (*parts.scores)(s.ctx, vectors, {.residual = {}, .stream = true});
}

Tensor head_loss(const train::States& s, const Task& task, const Tensor& scores, double scale,
                 std::size_t head) {
  const HeadRows& rows = s.batch.heads.at(head);
  return ops::group_loss(s.ctx, scores, task.loss(),
                         {rows.groups, rows.wanted, rows.answer_weights}, scale);
}

}  // namespace stemma::tasks

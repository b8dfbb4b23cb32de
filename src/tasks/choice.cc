// Multiple choice: which candidate goes on best from a context. Each candidate is read with the
// context (start, context, delimiter, candidate, extract), one linear layer scores all of them, and
// the softmax runs over the candidates (Radford et al. 2018, figure 1).
#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "tasks/task.h"

namespace stemma::tasks {
namespace {

class Choice final : public Task {
 public:
  Choice(TaskDescription description, const Tokenizer& tokenizer)
      : Task(std::move(description), tokenizer) {}

  labelled::Wanted wanted() const override { return labelled::Wanted::choice; }
  bool one_answer() const override { return true; }

  Prediction predict(const labelled::Row& /*row*/, const EncodedExample& /*example*/,
                     std::span<const float> scores) const override {
    Prediction p;
    p.probabilities = softmax(scores);
    p.label = largest(p.probabilities);
    return p;
  }

 protected:
  void encode_texts(const labelled::Row& row, EncodedExample& example) const override {
    example.rows = 0;
    for (const std::string& candidate : row.choices) {
      ++example.rows;
      add_pair(row.text, candidate, example);
    }
  }

  // The label of a row is the number of the candidate, from 0 (task_data.h).
  std::vector<float> wanted_of(const labelled::Row& row,
                               const EncodedExample& /*example*/) const override {
    if (row.labels.empty()) return {};
    std::vector<float> wanted(row.choices.size());
    wanted.at(static_cast<std::size_t>(number_of(row))) = 1;
    return wanted;
  }
};

}  // namespace

std::unique_ptr<Task> make_choice(TaskDescription description, const Tokenizer& tokenizer);
std::unique_ptr<Task> make_choice(TaskDescription description, const Tokenizer& tokenizer) {
  description.both_orders = false;
  return std::make_unique<Choice>(std::move(description), tokenizer);
}

}  // namespace stemma::tasks

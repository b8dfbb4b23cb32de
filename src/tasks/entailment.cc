// Entailment: the relation between a premise and a hypothesis. Start, premise, delimiter,
// hypothesis, extract (Radford et al. 2018, figure 1): the order matters, so there is only one.
#include "tasks/task.h"

namespace stemma::tasks {
namespace {

class Entailment final : public Task {
 public:
  Entailment(TaskDescription description, const Tokenizer& tokenizer)
      : Task(std::move(description), tokenizer) {}

  labelled::Wanted wanted() const override { return labelled::Wanted::pair; }

 protected:
  void encode_texts(const labelled::Row& row, EncodedExample& example) const override {
    add_pair(row.text, row.second, example);
  }
};

}  // namespace

std::unique_ptr<Task> make_entailment(TaskDescription description, const Tokenizer& tokenizer);
std::unique_ptr<Task> make_entailment(TaskDescription description, const Tokenizer& tokenizer) {
  description.both_orders = false;
  return std::make_unique<Entailment>(std::move(description), tokenizer);
}

}  // namespace stemma::tasks

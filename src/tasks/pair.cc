// Tasks of two texts.
//
// Entailment: the relation between a premise and a hypothesis. Start, premise, delimiter,
// hypothesis, extract (Radford et al. 2018, figure 1): the order matters, so there is only one.
//
// Similarity: whether two texts mean the same (classes), or how alike they are (a number). Neither
// text comes first, so the vectors of both orders are added before the head (same figure), unless
// the description asks for one order.
#include "tasks/task.h"

namespace stemma::tasks {
namespace {

class Pair final : public Task {
 public:
  Pair(TaskDescription description, const Tokenizer& tokenizer)
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
  return std::make_unique<Pair>(std::move(description), tokenizer);
}

std::unique_ptr<Task> make_similarity(TaskDescription description, const Tokenizer& tokenizer);
std::unique_ptr<Task> make_similarity(TaskDescription description, const Tokenizer& tokenizer) {
  return std::make_unique<Pair>(std::move(description), tokenizer);
}

}  // namespace stemma::tasks

// Similarity: whether two texts mean the same (classes), or how alike they are (a number). Neither
// text comes first, so the vectors of both orders are added before the head (Radford et al. 2018,
// figure 1), unless the description asks for one order.
#include "tasks/task.h"

namespace stemma::tasks {
namespace {

class Similarity final : public Task {
 public:
  Similarity(TaskDescription description, const Tokenizer& tokenizer)
      : Task(std::move(description), tokenizer) {}

  labelled::Wanted wanted() const override { return labelled::Wanted::pair; }

 protected:
  void encode_texts(const labelled::Row& row, EncodedExample& example) const override {
    add_pair(row.text, row.second, example);
  }
};

}  // namespace

std::unique_ptr<Task> make_similarity(TaskDescription description, const Tokenizer& tokenizer);
std::unique_ptr<Task> make_similarity(TaskDescription description, const Tokenizer& tokenizer) {
  return std::make_unique<Similarity>(std::move(description), tokenizer);
}

}  // namespace stemma::tasks

// Classification: the class of a text, or all classes that it has (multi-label). The head reads
// one vector of the text: start, text, extract (Radford et al. 2018, figure 1).
#include "tasks/task.h"

namespace stemma::tasks {
namespace {

class Classification final : public Task {
 public:
  Classification(TaskDescription description, const Tokenizer& tokenizer)
      : Task(std::move(description), tokenizer) {}

  labelled::Wanted wanted() const override { return labelled::Wanted::text; }

 protected:
  void encode_texts(const labelled::Row& row, EncodedExample& example) const override {
    add_text(row.text, example);
  }
};

}  // namespace

std::unique_ptr<Task> make_classification(TaskDescription description, const Tokenizer& tokenizer);
std::unique_ptr<Task> make_classification(TaskDescription description, const Tokenizer& tokenizer) {
  return std::make_unique<Classification>(std::move(description), tokenizer);
}

}  // namespace stemma::tasks

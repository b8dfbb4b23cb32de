#include "infer/constraint.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "infer/chat_prompt.h"

namespace stemma::infer {

std::shared_ptr<const grammar::TokenTable> constraint_tokens(const LoadedModel& model,
                                                             const std::string& format) {
  std::vector<std::int32_t> ends = model.end_tokens();
  if (!format.empty() || !model.tokenizer().chat_template().empty())
    for (const std::int32_t id :
         chat::end_tokens(model.tokenizer(), chat_template_of(model, format)))
      if (std::ranges::count(ends, id) == 0) ends.push_back(id);
  return std::make_shared<const grammar::TokenTable>(model.tokenizer(), ends);
}

std::shared_ptr<const grammar::MaskCache> constraint(
    grammar::SharedGrammar grammar, std::shared_ptr<const grammar::TokenTable> tokens) {
  constexpr std::size_t kMostBytes = std::size_t{16} << 20;
  return std::make_shared<const grammar::MaskCache>(std::move(grammar), std::move(tokens),
                                                    kMostBytes);
}

}  // namespace stemma::infer

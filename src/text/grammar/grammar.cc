#include "text/grammar/grammar.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "text/grammar/automaton/determinize.h"
#include "text/grammar/automaton/finite.h"
#include "text/grammar/automaton/nfa.h"
#include "text/grammar/automaton/refine.h"
#include "text/grammar/limits.h"
#include "text/grammar/regex/regex.h"
#include "text/grammar/schema/schema_compiler.h"
#include "text/unicode/utf8.h"

namespace stemma::grammar {

Grammar::Grammar(Pushdown automaton)
    : automaton_(std::move(automaton)),
      mask_classes_(
          refine(automaton_, std::vector<std::uint32_t>(automaton_.states()), kMaxMaskedBytes)) {
  for (const std::uint32_t c : mask_classes_)
    mask_class_count_ = std::max<std::size_t>(mask_class_count_, c + std::size_t{1});
}

bool Grammar::allows(std::string_view text) const {
  Pushdown::State state = Pushdown::kStart;
  std::vector<std::uint32_t> stack;
  for (const char byte : text) {
    const Pushdown::Step step = automaton_.step(state, static_cast<std::uint8_t>(byte));
    if (step.is_refused()) return false;
    if (step.is_push()) {
      stack.push_back(step.site());
      state = automaton_.start_of(step.site());
    } else if (step.is_pop()) {
      state = automaton_.after_pop(stack.back(), step.result());
      stack.pop_back();
    } else {
      state = step.state();
    }
  }
  return stack.empty() && automaton_.accepts(state);
}

SharedGrammar json_grammar() { return schema_grammar(Json::object({{"type", "object"}})); }

SharedGrammar schema_grammar(const Json& schema) {
  return std::make_shared<Grammar>(compile_schema(schema));
}

SharedGrammar regex_grammar(std::string_view pattern) {
  Pushdown automaton = compile_regex(pattern, {});
  if (is_empty(automaton))
    throw Error(ErrorCode::invalid_argument,
                "[regex] the regular expression must match some text, matches none");
  return std::make_shared<Grammar>(std::move(automaton));
}

SharedGrammar choice_grammar(std::span<const std::string> texts) {
  if (texts.empty() || texts.size() > kMaxEnumValues)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[choice] there must be 1 to {} texts to choose from, got {}",
                            kMaxEnumValues, texts.size()));
  Nfa nfa("choice");
  for (const std::string& text : texts) {
    if (text.empty() || !unicode::is_valid_utf8(text))
      throw Error(ErrorCode::invalid_argument,
                  "[choice] every text must be UTF-8 and not empty, one is not");
    nfa.add_nothing(nfa.add_text(Nfa::kStart, text), Nfa::kAccept);
  }
  return std::make_shared<Grammar>(finite(nfa));
}

}  // namespace stemma::grammar

// What an answer may be, byte for byte: JSON, JSON of a schema, words of a regular expression, or
// one of a list of texts. mask_cache.h and matcher.h hold the tokens of a model to it.
//
//   const auto grammar = schema_grammar(Json::parse(text, "schema"));   // throws invalid_argument
//   grammar->allows(R"({"name": "Ann"})");                              // true or false
//
// JSON is written in a compact form: at most one blank behind each colon and comma and none
// elsewhere, properties in the order of the schema, bounded numbers. A model can so never fill its
// answer with white space or digits. docs/constrained-output.md has the form and the keywords.
//
// A grammar is immutable and shared; any thread. Compiling is bounded in time and memory for any
// input (limits.h) and throws invalid_argument that tells what to change.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/grammar/automaton/pushdown.h"

namespace stemma::grammar {

class Grammar {
 public:
  explicit Grammar(Pushdown automaton);

  const Pushdown& automaton() const { return automaton_; }
  // States of one class allow the same tokens of up to kMaxMaskedBytes bytes, as far as these do
  // not return from the value in which the state lies.
  std::uint32_t mask_class(Pushdown::State state) const { return mask_classes_[state]; }
  std::size_t mask_classes() const { return mask_class_count_; }
  // Whether this is a whole allowed text.
  bool allows(std::string_view text) const;

 private:
  Pushdown automaton_;
  std::vector<std::uint32_t> mask_classes_;  // by state
  std::size_t mask_class_count_ = 0;
};

using SharedGrammar = std::shared_ptr<const Grammar>;

// Any JSON object ("JSON mode" of OpenAI's interface).
SharedGrammar json_grammar();
SharedGrammar schema_grammar(const Json& schema);
// The whole answer is a word of the expression (regex_tree.h has the dialect); ^ and $ may stand
// around it.
SharedGrammar regex_grammar(std::string_view pattern);
// Texts of UTF-8, at least one, none empty; equal ones count once.
SharedGrammar choice_grammar(std::span<const std::string> texts);

}  // namespace stemma::grammar

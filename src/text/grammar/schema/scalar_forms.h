// The values of JSON that have no values inside, as finite automata: strings without their quotes,
// and numbers.
//
//   ScalarForms forms;
//   const Pushdown& name = forms.string(merged);    // of schema_merge.h
//
// A string without a pattern or a format may use every escape of JSON, \u and surrogate pairs
// included; half of a pair is no character and refused. A string with one is spelled in one way
// (Spelling::json). A number has at most 20 digits in front of the point and behind it, and an
// exponent of at most two: nobody is served by a model that writes digits until it is cut off.
//
// Automata are made once and kept. Throws invalid_argument, with the schema's place, for formats
// that are not known and above the limits. One thread.
#pragma once

#include <map>
#include <string>

#include "text/grammar/automaton/pushdown.h"
#include "text/grammar/schema/schema_merge.h"

namespace stemma::grammar {

class ScalarForms {
 public:
  const Pushdown& string(const Merged& merged);
  const Pushdown& integer(const Merged& merged);
  const Pushdown& number(const Merged& merged);  // integers included
  // Any string, and any in one spelling.
  const Pushdown& any_string();
  const Pushdown& any_spelled_string();

 private:
  template <class Make>
  const Pushdown& kept(const std::string& key, Make make);
  Pushdown make_string(const Merged& merged);

  std::map<std::string, Pushdown> known_;
};

}  // namespace stemma::grammar

#include "text/grammar/schema/scalar_forms.h"

#include <vector>

#include <fmt/format.h>

#include "text/grammar/automaton/finite.h"
#include "text/grammar/regex/regex.h"
#include "text/grammar/schema/decimal.h"
#include "text/grammar/schema/formats.h"

namespace stemma::grammar {
namespace {

// RFC 8259, section 7. Four digits of hexadecimal that are no half of a pair, or two halves.
constexpr const char* kCharacter =
    R"((?:[^"\\\u0000-\u001f]|\\["\\/bfnrt]|\\u(?:[0-9a-ceA-CEfF][0-9a-fA-F]{3}|)"
    R"([dD][0-7][0-9a-fA-F]{2}|[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})))";
constexpr const char* kNumber = R"(-?(?:0|[1-9]\d{0,19})(?:\.\d{1,20})?(?:[eE][+-]?\d{1,2})?)";

std::string quantifier(const Lengths& lengths) {
  if (lengths.any()) return "*";
  return lengths.most < 0 ? fmt::format("{{{},}}", lengths.least)
                          : fmt::format("{{{},{}}}", lengths.least, lengths.most);
}

std::string place_of(const Merged& merged) { return "schema, " + merged.pointer; }

std::string key_of(const DecimalRange& range) {
  std::string key;
  for (const auto& bound : {range.low, range.high})
    key += bound ? fmt::format("{}{}{}.{} ", bound->exclusive ? "(" : "[",
                               bound->value.negative ? "-" : "", bound->value.whole,
                               bound->value.fraction)
                 : "any ";
  return key;
}

}  // namespace

template <class Make>
const Pushdown& ScalarForms::kept(const std::string& key, Make make) {
  const auto at = known_.find(key);
  return at != known_.end() ? at->second : known_.emplace(key, make()).first->second;
}

const Pushdown& ScalarForms::string(const Merged& merged) {
  std::string key = fmt::format("string {} {}", merged.length.least, merged.length.most);
  for (const auto* list : {&merged.patterns, &merged.formats})
    for (const std::string& one : *list) key += fmt::format("\n{} {}", one.size(), one);
  key += fmt::format("\n{}", merged.patterns.size());
  return kept(key, [&] { return make_string(merged); });
}

Pushdown ScalarForms::make_string(const Merged& merged) {
  const std::string place = place_of(merged);
  if (merged.length.most >= 0 && merged.length.least > merged.length.most) return Pushdown();
  if (merged.patterns.empty() && merged.formats.empty())
    return compile_regex(kCharacter + quantifier(merged.length), {.place = place});
  std::vector<Pushdown> parts;
  parts.reserve(merged.patterns.size() + merged.formats.size() + 1);
  for (const std::string& pattern : merged.patterns)
    parts.push_back(compile_regex(
        pattern, {.match = Match::search, .spelling = Spelling::json, .place = place}));
  for (const std::string& format : merged.formats) {
    const std::string* pattern = format_pattern(format);
    if (pattern == nullptr)
      refuse_schema(merged.pointer, fmt::format("the format {} is not supported; there are {}",
                                                format, format_names()));
    parts.push_back(compile_regex(*pattern, {.spelling = Spelling::json, .place = place}));
  }
  if (!merged.length.any())
    parts.push_back(compile_regex("[\\s\\S]" + quantifier(merged.length),
                                  {.spelling = Spelling::json, .place = place}));
  Pushdown all = parts.front();
  for (std::size_t i = 1; i < parts.size(); ++i) all = intersection(all, parts[i], place);
  return all;
}

const Pushdown& ScalarForms::integer(const Merged& merged) {
  return kept("integer " + key_of(merged.numbers),
              [&] { return integers_in(merged.numbers, place_of(merged)); });
}

const Pushdown& ScalarForms::number(const Merged& merged) {
  return kept("number " + key_of(merged.numbers), [&] {
    return merged.numbers.low || merged.numbers.high
               ? numbers_in(merged.numbers, place_of(merged))
               : compile_regex(kNumber, {.place = place_of(merged)});
  });
}

const Pushdown& ScalarForms::any_string() { return string({}); }

const Pushdown& ScalarForms::any_spelled_string() {
  return kept("spelled", [] { return compile_regex("[\\s\\S]*", {.spelling = Spelling::json}); });
}

}  // namespace stemma::grammar

// Numbers between bounds, digit by digit: exact, without floating point.
//
//   DecimalRange range;
//   range.low = {Decimal::of(Json(18)), false};
//   range.high = {Decimal::of(Json(120)), true};
//   is_word(integers_in(range, "schema"), "119");       // true, "120" is not
//
// Integers are written as 0 or -?[1-9][0-9]*, within 64 bits. Other numbers between bounds are
// written without an exponent, with at most 15 digits in front of the point. Behind it stand at
// most as many as keep a number that differs from a bound apart from it as a double too (15
// significant digits at the bound). Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "text/grammar/automaton/pushdown.h"

namespace stemma::grammar {

struct Decimal {
  bool negative = false;
  std::string whole = "0";  // without leading zeros
  std::string fraction;     // without trailing zeros

  // number: an integer, or a finite double, whose shortest text is taken.
  static Decimal of(const Json& number);
  bool is_zero() const { return whole == "0" && fraction.empty(); }
};

struct DecimalBound {
  Decimal value;
  bool exclusive = false;
};

struct DecimalRange {
  std::optional<DecimalBound> low, high;
};

Pushdown integers_in(const DecimalRange& range, std::string_view place);
// Throws invalid_argument where a bound has more digits than can be compared exactly.
Pushdown numbers_in(const DecimalRange& range, std::string_view place);

}  // namespace stemma::grammar

#include "text/grammar/schema/decimal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "base/error.h"
#include "text/grammar/automaton/finite.h"
#include "text/grammar/automaton/nfa.h"

namespace stemma::grammar {
namespace {

constexpr std::size_t kIntegerDigits = 19, kExactDigits = 15;

enum Order : std::size_t { kLess, kEqual, kGreater };
using Orders = std::array<bool, 3>;
constexpr Orders kAnyOrder = {true, true, true};

// Numbers without a sign that compare to a bound as wanted.
class UnsignedNumbers {
 public:
  UnsignedNumbers(Nfa& nfa, std::size_t whole_digits, std::size_t fraction_digits)
      : nfa_(nfa), whole_digits_(whole_digits), fraction_digits_(fraction_digits) {}

  // without_zero: the text "0" is left out.
  void add(Nfa::State from, const Decimal& bound, Orders wanted, bool without_zero, Nfa::State to) {
    for (std::size_t length = 1; length <= whole_digits_; ++length) {
      const Order order = length < bound.whole.size()   ? kLess
                          : length > bound.whole.size() ? kGreater
                                                        : kEqual;
      present_ = {};
      present_[order] = from;
      for (std::size_t i = 0; i < length; ++i) {
        const bool may_be_zero = i > 0 || (length == 1 && !without_zero);
        digit(may_be_zero ? '0' : '1', i < bound.whole.size() ? bound.whole[i] : '0');
      }
      end(bound, 0, wanted, to);
      for (std::size_t i = 0; i < fraction_digits_; ++i) {
        if (i == 0) point();
        digit('0', i < bound.fraction.size() ? bound.fraction[i] : '0');
        end(bound, i + 1, wanted, to);
      }
    }
  }

 private:
  // One state for each order of the digits so far; kStart where there is none.
  using Present = std::array<Nfa::State, 3>;

  Nfa::State& ready(Present& states, std::size_t order) {
    if (states[order] == Nfa::kStart) states[order] = nfa_.add_state();
    return states[order];
  }
  void digit(char lowest, char other) {
    Present next{};
    for (const std::size_t order : {kLess, kEqual, kGreater}) {
      if (present_[order] == Nfa::kStart) continue;
      for (char d = lowest; d <= '9'; ++d) {
        const std::size_t now = order != kEqual ? order
                                : d < other     ? kLess
                                : d > other     ? kGreater
                                                : kEqual;
        nfa_.add_byte(present_[order], d, ready(next, now));
      }
    }
    present_ = next;
  }
  void point() {
    for (Nfa::State& state : present_)
      if (state != Nfa::kStart) state = nfa_.add_text(state, ".");
  }
  // The number may end behind so many digits of the fraction.
  void end(const Decimal& bound, std::size_t digits, Orders wanted, Nfa::State to) {
    for (const std::size_t order : {kLess, kEqual, kGreater}) {
      const bool rest = order == kEqual && bound.fraction.size() > digits;
      if (present_[order] != Nfa::kStart && wanted[rest ? std::size_t{kLess} : order])
        nfa_.add_nothing(present_[order], to);
    }
  }

  Nfa& nfa_;
  const std::size_t whole_digits_, fraction_digits_;
  Present present_{};
};

struct Digits {
  std::size_t whole, fraction;
};

// Numbers at least (or at most) the bound.
Pushdown one_sided(const DecimalBound& bound, bool at_least, Digits digits,
                   std::string_view place) {
  Nfa nfa{std::string(place)};
  const Nfa::State start = nfa.add_state(), minus = nfa.add_state();
  nfa.add_nothing(Nfa::kStart, start);
  nfa.add_byte(start, '-', minus);
  UnsignedNumbers numbers(nfa, digits.whole, digits.fraction);
  const bool integers = digits.fraction == 0;
  const Decimal& value = bound.value;
  const Orders below = {true, !bound.exclusive, false}, above = {false, !bound.exclusive, true};
  if (!at_least && value.is_zero() && bound.exclusive) {
    numbers.add(minus, value, above, integers, Nfa::kAccept);
  } else if (at_least == value.negative) {  // the other sign is inside as a whole
    numbers.add(at_least ? start : minus, value, kAnyOrder, !at_least && integers, Nfa::kAccept);
    numbers.add(at_least ? minus : start, value, below, at_least && integers, Nfa::kAccept);
  } else {
    numbers.add(at_least ? start : minus, value, above, !at_least && integers, Nfa::kAccept);
  }
  return finite(nfa);
}

Pushdown between(const DecimalRange& range, Digits digits, std::string_view place) {
  if (range.low && range.high)
    return intersection(one_sided(*range.high, false, digits, place),
                        one_sided(*range.low, true, digits, place), place);
  if (range.high) return one_sided(*range.high, false, digits, place);
  return range.low ? one_sided(*range.low, true, digits, place) : Pushdown();
}

}  // namespace

Decimal Decimal::of(const Json& number) {
  std::string text;
  if (number.is_int()) {
    text = fmt::format("{}", number.as_int());
  } else {
    std::array<char, 1200> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number.as_double(),
                                   std::chars_format::fixed);
    text.assign(digits.data(), end.ptr);
  }
  Decimal decimal;
  decimal.negative = text.starts_with('-');
  if (decimal.negative) text.erase(0, 1);
  const std::size_t point = std::min(text.find('.'), text.size());
  decimal.whole = text.substr(0, point);
  if (point < text.size()) decimal.fraction = text.substr(point + 1);
  while (decimal.fraction.ends_with('0')) decimal.fraction.pop_back();
  if (decimal.is_zero()) decimal.negative = false;
  return decimal;
}

Pushdown integers_in(const DecimalRange& range, std::string_view place) {
  using Limits = std::numeric_limits<std::int64_t>;
  const Digits digits = {kIntegerDigits, 0};
  const DecimalRange all = {DecimalBound{Decimal::of(Json(Limits::min())), false},
                            DecimalBound{Decimal::of(Json(Limits::max())), false}};
  Pushdown integers = between(all, digits, place);
  if (!range.low && !range.high) return integers;
  return intersection(integers, between(range, digits, place), place);
}

Pushdown numbers_in(const DecimalRange& range, std::string_view place) {
  std::size_t fraction = kExactDigits;
  for (const auto& bound : {range.low, range.high})
    if (bound)
      fraction =
          std::min(fraction, kExactDigits - std::min(kExactDigits, bound->value.whole.size()));
  for (const auto& bound : {range.low, range.high})
    if (bound &&
        (bound->value.whole.size() > kExactDigits || bound->value.fraction.size() > fraction))
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[{}] minimum and maximum of numbers must have at most {} digits in "
                              "all, got {}{}.{}",
                              place, kExactDigits, bound->value.negative ? "-" : "",
                              bound->value.whole, bound->value.fraction));
  return between(range, {kExactDigits, fraction}, place);
}

}  // namespace stemma::grammar

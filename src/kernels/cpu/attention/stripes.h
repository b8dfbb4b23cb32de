// Which keys a query sees, and in which order attention sums over them. Private to kernels/cpu.
//
// A pattern has one or two parts. In a part, queries and keys at positions of equal residue modulo
// `step` form a stripe: a short sequence of its own, whose positions are called places. Within a
// stripe a query sees a range of places, and that range only moves forward from query to query. So
// every pattern is the same dense problem on rows that lie `step` rows apart:
//
//   part               step  a query at place c sees the places
//   dense              1     [0, c + 1), or all of them without `causal`
//   local              1     [c + 1 - k, c + 1)
//   dilated            k     [0, c + 1)
//   strided, first     k     [0, c)
//   strided, second    1     [c + 1 - k, c + 1)
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>

#include "kernels/attention.h"

namespace stemma::kernels::attention {

struct Part {
  static constexpr std::int64_t kEverything = std::numeric_limits<std::int64_t>::max();

  std::int64_t step = 1;
  std::int64_t width = kEverything;  // places back from the query's own, that one included
  std::int64_t behind = 0;           // nearest places that are not seen
  // Queries at this position and after it have keys in an earlier part of the pattern; so have
  // keys that lie this far before the last query.
  std::int64_t begun_from = kEverything;
  bool last = true;  // of its pattern
};

// The parts of a pattern in the order in which they are summed.
class Parts {
 public:
  explicit Parts(const AttentionSpec& spec) {
    const std::int64_t k = spec.pattern.k;
    switch (spec.pattern.kind) {
      case AttentionPattern::Kind::dense:
        break;
      case AttentionPattern::Kind::local:
        parts_[0].width = k;
        break;
      case AttentionPattern::Kind::dilated:
        parts_[0].step = k;
        break;
      case AttentionPattern::Kind::strided:
        parts_[0] = {.step = k, .behind = 1, .last = false};
        parts_[1] = {.width = k, .begun_from = k};
        count_ = 2;
    }
  }
  const Part* begin() const { return parts_.data(); }
  const Part* end() const { return parts_.data() + count_; }

 private:
  std::array<Part, 2> parts_;
  std::int64_t count_ = 1;
};

// The queries and keys of one residue.
struct Stripe {
  std::int64_t step;
  std::int64_t query;  // the first query, counted from query_begin; the others follow `step` apart
  std::int64_t queries;  // how many
  std::int64_t place;    // of the first query
  std::int64_t key;      // position of the key at place 0; the others follow `step` apart
  std::int64_t keys;     // how many
  std::int64_t width, behind;
  bool causal;

  // The query at place c sees the keys at places [begin(c), end(c)).
  std::int64_t begin(std::int64_t c) const { return c < width ? 0 : c + 1 - width; }
  std::int64_t end(std::int64_t c) const {
    const std::int64_t past = c + 1 - behind;
    return causal && past < keys ? past : keys;
  }
};

// Stripes of a part that have queries in the sequence; number s holds the queries s, s + step, ...
inline std::int64_t stripes_of(const Part& part, const AttentionSequence& sequence) {
  const std::int64_t queries = sequence.query_end - sequence.query_begin;
  return part.step < queries ? part.step : queries;
}
inline Stripe stripe_of(const AttentionSpec& spec, const Part& part,
                        const AttentionSequence& sequence, std::int64_t number) {
  const std::int64_t step = part.step, position = sequence.first_position + number;
  const std::int64_t residue = position % step;
  const auto count = [&](std::int64_t rows) { return (rows + step - 1) / step; };
  return {.step = step,
          .query = number,
          .queries = count(sequence.query_end - sequence.query_begin - number),
          .place = position / step,
          .key = residue,
          .keys = count(sequence.keys - residue),
          .width = part.width,
          .behind = part.behind,
          .causal = spec.causal};
}

}  // namespace stemma::kernels::attention

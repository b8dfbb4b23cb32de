// How large a grammar may become. A schema or a regular expression comes from a request, so every
// step of the compiler is bounded; above a limit it throws invalid_argument and says which.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stemma::grammar {

// States and edges before, and states after the automaton is made deterministic, and the steps of
// making it so.
inline constexpr std::size_t kMaxNfaStates = 400'000;
inline constexpr std::size_t kMaxNfaEdges = 4'000'000;
inline constexpr std::size_t kMaxStates = 60'000;
inline constexpr std::size_t kMaxSteps = 30'000'000;
// Of a regular expression: its bytes, groups inside groups, and the numbers of {m,n}. The last also
// bounds minLength, maxLength, minItems and maxItems.
inline constexpr std::size_t kMaxPatternBytes = 20'000;
inline constexpr std::size_t kMaxGroupDepth = 100;
inline constexpr std::int64_t kMaxRepeat = 2'000;
// Of a schema: anyOf, allOf and $ref inside each other; ways to satisfy one value; values of an
// enum, properties of an object; objects and arrays that differ.
inline constexpr std::size_t kMaxSchemaDepth = 100;
inline constexpr std::size_t kMaxAlternatives = 1'000;
inline constexpr std::size_t kMaxEnumValues = 10'000;
inline constexpr std::size_t kMaxProperties = 2'000;
inline constexpr std::size_t kMaxRules = 10'000;
// How often, over a whole schema, a way to satisfy a value or a value of an enum is looked at.
inline constexpr std::size_t kMaxLooks = 500'000;
// Tokens up to this many bytes are covered by masks that are made once; longer ones are looked at
// each time.
inline constexpr std::size_t kMaxMaskedBytes = 128;

}  // namespace stemma::grammar

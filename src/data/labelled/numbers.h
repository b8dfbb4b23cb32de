// Whether a cell of a table is a number. Private to data/labelled.
//
//   is_number(" -2.5e3 ");   // true
//   whole_number("17");      // 17
//
// Pure functions: any thread, no errors.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

#include "data/labelled/lines.h"

namespace stemma::labelled {

// Finite, in decimal digits.
inline bool is_number(std::string_view cell) {
  cell = trimmed(cell);
  if (cell.find_first_of("0123456789") == cell.npos) return false;
  if (cell.starts_with('+')) cell.remove_prefix(1);
  double value = 0;
  const auto [end, failure] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  return failure == std::errc() && end == cell.data() + cell.size();
}

inline std::optional<std::int64_t> whole_number(std::string_view cell) {
  cell = trimmed(cell);
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (cell.empty() || failure != std::errc() || end != cell.data() + cell.size())
    return std::nullopt;
  return value;
}

}  // namespace stemma::labelled

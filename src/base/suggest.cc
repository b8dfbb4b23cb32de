#include "base/suggest.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include <fmt/format.h>

namespace stemma {
namespace {

std::string normalised(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '_') c = '-';
  }
  return result;
}

// Optimal string alignment distance, row by row.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::string closest_name(std::string_view text, std::span<const std::string> names) {
  const std::string wanted = normalised(text);
  std::size_t best_distance = std::max<std::size_t>(1, std::min<std::size_t>(4, text.size() / 3));
  const std::size_t limit = best_distance++;
  const std::string* best = nullptr;
  const std::string* begun = nullptr;
  std::size_t begun_count = 0;
  for (const std::string& name : names) {
    // The distance is at least the difference of the lengths: also keeps hostile lengths cheap.
    const std::size_t longer = std::max(wanted.size(), name.size());
    const std::size_t shorter = std::min(wanted.size(), name.size());
    const std::string known = normalised(name);
    if (wanted.size() >= 3 && known.starts_with(wanted)) {
      begun = &name;
      ++begun_count;
    }
    if (longer - shorter > limit) continue;
    const std::size_t distance = edit_distance(wanted, known);
    // One wrong letter of one is nothing in common.
    if (distance >= best_distance || distance >= longer) continue;
    best_distance = distance;
    best = &name;
  }
  if (best != nullptr) return *best;
  return begun_count == 1 ? *begun : std::string();
}

std::string did_you_mean(std::string_view text, std::span<const std::string> names) {
  const std::string name = closest_name(text, names);
  return name.empty() ? std::string() : fmt::format("; did you mean '{}'?", name);
}

}  // namespace stemma

#include "infer/ngram_drafter.h"

#include <algorithm>

namespace stemma::infer {
namespace {

// The last place before the end where the last `count` ids stand; the place behind them, or -1.
std::ptrdiff_t last_repeat(std::span<const std::int32_t> ids, std::ptrdiff_t count) {
  const auto tail = ids.last(static_cast<std::size_t>(count));
  for (std::ptrdiff_t end = std::ssize(ids) - 1; end >= count; --end)
    if (ids[static_cast<std::size_t>(end - 1)] == tail.back() &&
        std::equal(tail.begin(), tail.end(), ids.begin() + (end - count)))
      return end;
  return -1;
}

}  // namespace

void NgramDrafter::propose(std::span<Wanted> wanted) {
  constexpr std::ptrdiff_t kLongest = 4, kShortest = 2;
  for (Wanted& w : wanted)
    for (std::ptrdiff_t count = kLongest; count >= kShortest && w.draft.empty(); --count) {
      if (std::ssize(w.ids) <= count) continue;
      const std::ptrdiff_t found = last_repeat(w.ids, count);
      if (found < 0) continue;
      const auto end = std::min<std::ptrdiff_t>(found + w.most, std::ssize(w.ids));
      w.draft.assign(w.ids.begin() + found, w.ids.begin() + end);
    }
}

}  // namespace stemma::infer

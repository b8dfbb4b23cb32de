#include "tasks/dev_split.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/hash.h"
#include "base/log.h"

namespace stemma::tasks {
namespace {

std::uint64_t hash_of(const labelled::Row& row) { return hash64(row.text + "\x1f" + row.second); }

// Which rows hang together by equal texts. A union-find structure with path halving.
class SharedTexts {
 public:
  explicit SharedTexts(const std::vector<labelled::Row>& rows) : parent_(rows.size()) {
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
    std::unordered_map<std::string_view, std::size_t> first_with;
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (const std::string_view text :
           {std::string_view(rows[i].text), std::string_view(rows[i].second)})
        if (!text.empty()) join(i, first_with.emplace(text, i).first->second);
  }

  // The same number for all rows of a group.
  std::size_t group(std::size_t row) {
    while (parent_[row] != row) row = parent_[row] = parent_[parent_[row]];
    return row;
  }

 private:
  void join(std::size_t a, std::size_t b) { parent_[group(a)] = group(b); }

  std::vector<std::size_t> parent_;
};

// What decides for each row: the hash of its texts or, in a group, of the least such hash.
std::vector<std::uint64_t> deciding_hashes(const TaskRows& rows) {
  std::vector<std::uint64_t> hashes;
  for (const labelled::Row& row : rows.rows) hashes.push_back(hash_of(row));
  SharedTexts texts(rows.rows);
  std::vector<std::uint64_t> least(hashes.size(), UINT64_MAX);
  std::vector<std::size_t> size(hashes.size());
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    least[texts.group(i)] = std::min(least[texts.group(i)], hashes[i]);
    ++size[texts.group(i)];
  }
  const auto largest = std::max_element(size.begin(), size.end());
  if (largest != size.end() && *largest > std::max<std::size_t>(hashes.size() / 4, 2)) {
    log_warning(fmt::format(
        "[finetune] {}: {} of {} rows hang together by texts that they share, so dev "
        "is split off row by row and its figures are too good: give rows of their own with --dev",
        rows.path.string(), *largest, hashes.size()));
    return hashes;
  }
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    const std::size_t group = texts.group(i);
    // The least of several hashes is small more often than one hash: hashed again, it is not.
    if (size[group] > 1) hashes[i] = hash64(std::as_bytes(std::span(&least[group], 1)));
  }
  return hashes;
}

}  // namespace

TaskRows split_off_dev(TaskRows& train, double fraction) {
  TaskRows dev{train.path, {}};
  std::vector<labelled::Row> kept;
  const std::vector<std::uint64_t> hashes = deciding_hashes(train);
  const auto limit = static_cast<std::uint64_t>(fraction * 0x1p63);
  for (std::size_t i = 0; i < hashes.size(); ++i)
    (hashes[i] >> 1 < limit ? dev.rows : kept).push_back(std::move(train.rows[i]));
  train.rows = std::move(kept);
  log_info(fmt::format("dev: {} of the {} training rows, by the hash of their texts",
                       dev.rows.size(), dev.rows.size() + train.rows.size()));
  return dev;
}

}  // namespace stemma::tasks

#include "text/encode_batch.h"

#include <map>
#include <mutex>
#include <utility>

#include "text/bpe/reserve_ids.h"

namespace stemma {
namespace {

// Small enough that its ids stay in the second cache until they are joined.
constexpr std::size_t kPartBytes = 256 << 10;

// Cuts text at boundaries, so that its parts encoded apart give the ids of the whole.
std::vector<std::string_view> parts_of(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<std::string_view> parts;
  // Where a stretch has no boundary, one twice as long is searched: time stays linear.
  for (std::size_t stretch = kPartBytes; text.size() > stretch;) {
    const std::size_t boundary = tokenizer.last_boundary(text.substr(0, stretch));
    if (boundary == 0) {
      stretch *= 2;
      continue;
    }
    parts.push_back(text.substr(0, boundary));
    text.remove_prefix(boundary);
    stretch = kPartBytes;
  }
  parts.push_back(text);
  return parts;
}

// The ids of parts that end in any order, joined in theirs. Any thread.
class OrderedIds {
 public:
  explicit OrderedIds(std::vector<std::int32_t>& ids) : ids_(ids) {}

  // An empty vector, with memory that was used before where there is some.
  std::vector<std::int32_t> take_free() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return {};
    std::vector<std::int32_t> taken = std::move(free_.back());
    free_.pop_back();
    return taken;
  }
  void add(std::size_t part, std::vector<std::int32_t> ids) {
    const std::lock_guard lock(mutex_);
    waiting_.emplace(part, std::move(ids));
    for (auto next = waiting_.begin(); next != waiting_.end() && next->first == joined_;
         next = waiting_.erase(next), ++joined_) {
      ids_.insert(ids_.end(), next->second.begin(), next->second.end());
      next->second.clear();
      free_.push_back(std::move(next->second));
    }
  }

 private:
  std::mutex mutex_;
  std::vector<std::int32_t>& ids_;
  std::size_t joined_ = 0;
  std::map<std::size_t, std::vector<std::int32_t>> waiting_;  // by part
  std::vector<std::vector<std::int32_t>> free_;
};

}  // namespace

std::vector<std::vector<std::int32_t>> encode_batch(const Tokenizer& tokenizer,
                                                    std::span<const std::string_view> texts,
                                                    Workers& workers) {
  std::vector<std::vector<std::int32_t>> ids(texts.size());
  workers.for_each(static_cast<std::int64_t>(texts.size()), 1,
                   [&](std::int64_t begin, std::int64_t, int) {
                     const auto i = static_cast<std::size_t>(begin);
                     bpe::reserve_ids(texts[i], ids[i]);
                     tokenizer.encode(texts[i], ids[i]);
                   });
  return ids;
}

void encode_parallel(const Tokenizer& tokenizer, std::string_view text, Workers& workers,
                     std::vector<std::int32_t>& ids) {
  if (workers.count() == 1 || text.size() <= kPartBytes) return tokenizer.encode(text, ids);
  const std::vector<std::string_view> parts = parts_of(tokenizer, text);
  bpe::reserve_ids(text, ids);
  OrderedIds joined(ids);
  workers.for_each(static_cast<std::int64_t>(parts.size()), 1,
                   [&](std::int64_t begin, std::int64_t, int) {
                     const auto part = static_cast<std::size_t>(begin);
                     std::vector<std::int32_t> ids_of_part = joined.take_free();
                     bpe::reserve_ids(parts[part], ids_of_part);
                     tokenizer.encode(parts[part], ids_of_part);
                     joined.add(part, std::move(ids_of_part));
                   });
}

}  // namespace stemma

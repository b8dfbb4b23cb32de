#include "text/encode_batch.h"

#include <algorithm>
#include <utility>

namespace stemma {
namespace {

constexpr std::size_t kPartsPerWorker = 2;
// Less is not worth a thread: each part learns its words anew.
constexpr std::size_t kMinPartBytes = 256 << 10;

// Cuts text at boundaries, so that its parts encoded apart give the ids of the whole.
std::vector<std::string_view> parts_of(const Tokenizer& tokenizer, std::string_view text,
                                       std::size_t part_bytes) {
  std::vector<std::string_view> parts;
  // Where a stretch has no boundary, one twice as long is searched: time stays linear.
  for (std::size_t stretch = part_bytes; text.size() > stretch;) {
    const std::size_t boundary = tokenizer.last_boundary(text.substr(0, stretch));
    if (boundary == 0) {
      stretch *= 2;
      continue;
    }
    parts.push_back(text.substr(0, boundary));
    text.remove_prefix(boundary);
    stretch = part_bytes;
  }
  parts.push_back(text);
  return parts;
}

}  // namespace

std::vector<std::vector<std::int32_t>> encode_batch(const Tokenizer& tokenizer,
                                                    std::span<const std::string_view> texts,
                                                    Workers& workers) {
  std::vector<std::vector<std::int32_t>> ids(texts.size());
  workers.for_each(static_cast<std::int64_t>(texts.size()), 1,
                   [&](std::int64_t begin, std::int64_t, int) {
                     const auto i = static_cast<std::size_t>(begin);
                     // Most texts have fewer tokens: their ids are not moved as they grow.
                     ids[i].reserve(texts[i].size() / 4 + 1);
                     tokenizer.encode(texts[i], ids[i]);
                   });
  return ids;
}

void encode_parallel(const Tokenizer& tokenizer, std::string_view text, Workers& workers,
                     std::vector<std::int32_t>& ids) {
  const std::size_t wanted = kPartsPerWorker * static_cast<std::size_t>(workers.count());
  const std::size_t part_bytes = std::max(text.size() / wanted + 1, kMinPartBytes);
  if (workers.count() == 1 || text.size() <= part_bytes) return tokenizer.encode(text, ids);
  const std::vector<std::string_view> parts = parts_of(tokenizer, text, part_bytes);
  std::vector<std::vector<std::int32_t>> ids_of_part = encode_batch(tokenizer, parts, workers);
  std::vector<std::size_t> begins;
  std::size_t end = ids.size();
  for (const auto& part : ids_of_part) {
    begins.push_back(end);
    end += part.size();
  }
  ids.resize(end);
  workers.for_each(
      static_cast<std::int64_t>(parts.size()), 1, [&](std::int64_t begin, std::int64_t, int) {
        const auto i = static_cast<std::size_t>(begin);
        std::ranges::copy(ids_of_part[i], ids.begin() + static_cast<std::ptrdiff_t>(begins[i]));
        std::exchange(ids_of_part[i], {});  // giving memory back takes time too
      });
}

}  // namespace stemma

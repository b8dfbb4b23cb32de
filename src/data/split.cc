#include "data/split.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"

namespace stemma {
namespace {

// The part that `index` lies in, of parts that begin at begins[0..] (the last entry is the total).
std::size_t part_of(const std::vector<std::int64_t>& begins, std::int64_t index) {
  const auto after = std::upper_bound(begins.begin(), begins.end() - 1, index);
  return static_cast<std::size_t>(after - begins.begin()) - 1;
}

}  // namespace

Split::Split(std::string name, std::vector<TokenShard> shards)
    : name_(std::move(name)), shards_(std::move(shards)) {
  if (!shards_.empty()) info_ = shards_.front().info();
  for (const TokenShard& shard : shards_) {
    if (shard.info() != info_)
      throw Error(ErrorCode::corrupt,
                  fmt::format("[data] {}: its shards were packed with different tokenizers; pack "
                              "the data again",
                              name_));
    token_begins_.push_back(token_begins_.back() + shard.tokens());
    document_begins_.push_back(document_begins_.back() + shard.documents());
    text_bytes_ += shard.text_bytes();
  }
}

std::int64_t Split::document_begin(std::int64_t document) const {
  if (document < 0 || document > documents())
    throw Error(ErrorCode::internal, fmt::format("[data] {}: document {} of {} was asked for",
                                                 name_, document, documents()));
  if (document == documents()) return tokens();
  const std::size_t shard = part_of(document_begins_, document);
  return token_begins_[shard] + shards_[shard].document_begin(document - document_begins_[shard]);
}

void Split::read(std::int64_t begin, std::span<std::int32_t> out) const {
  if (begin < 0 || (tokens() == 0 && !out.empty()))
    throw Error(ErrorCode::internal,
                fmt::format("[data] {}: token {} of {} was asked for", name_, begin, tokens()));
  while (!out.empty()) {
    const std::int64_t at = begin % tokens();
    const std::size_t shard = part_of(token_begins_, at);
    const std::int64_t left = token_begins_[shard + 1] - at;
    const auto count = std::min(static_cast<std::int64_t>(out.size()), left);
    shards_[shard].copy(at - token_begins_[shard], out.first(static_cast<std::size_t>(count)));
    out = out.subspan(static_cast<std::size_t>(count));
    begin = at + count;
  }
}

std::uint64_t Split::fingerprint() const {
  std::uint64_t hash = shards_.size();
  for (const TokenShard& shard : shards_) {
    const std::uint64_t both[] = {hash, shard.checksum()};
    hash = hash64(std::as_bytes(std::span(both)));
  }
  return hash;
}

}  // namespace stemma

#include "text/stream_encoder.h"

#include <algorithm>

#include "text/encode_batch.h"

namespace stemma {

StreamEncoder::StreamEncoder(const Tokenizer& tokenizer, Options options)
    : tokenizer_(tokenizer), options_(options), wanted_bytes_(options.block_bytes) {}

void StreamEncoder::push(std::string_view chunk, std::vector<std::int32_t>& ids) {
  while (!chunk.empty()) {
    const std::size_t size = std::min(chunk.size(), wanted_bytes_ - pending_.size());
    pending_ += chunk.substr(0, size);
    chunk.remove_prefix(size);
    if (pending_.size() < wanted_bytes_) return;
    const std::size_t boundary = tokenizer_.last_boundary(pending_);
    encode(std::string_view(pending_).substr(0, boundary), ids);
    pending_.erase(0, boundary);
    // Text without a boundary is searched again when it has doubled: no byte more than twice on the
    // average.
    wanted_bytes_ = std::max(options_.block_bytes, 2 * pending_.size());
  }
}

void StreamEncoder::finish(std::vector<std::int32_t>& ids) {
  encode(pending_, ids);
  pending_.clear();
  wanted_bytes_ = options_.block_bytes;
}

void StreamEncoder::encode(std::string_view text, std::vector<std::int32_t>& ids) const {
  if (options_.workers)
    encode_parallel(tokenizer_, text, *options_.workers, ids);
  else
    tokenizer_.encode(text, ids);
}

}  // namespace stemma

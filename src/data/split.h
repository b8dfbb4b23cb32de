// Reads one side of a data set (training or validation) as a single stream of tokens over its
// shards.
//
//   stream = sep doc0 sep doc1 ... sep docN-1     (sep: end-of-text, where the tokenizer has one)
//
// The stream is read as a ring: after its last token comes its first, which is the separator that
// ends the last document. Immutable; may be read by several threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/shards.h"

namespace stemma {

class Split {
 public:
  // `name` for messages: "training data of DIR". Throws corrupt when the shards do not agree in
  // vocabulary, separator and tokenizer. No shards: an empty split.
  Split(std::string name, std::vector<TokenShard> shards);

  const std::string& name() const { return name_; }
  const ShardInfo& info() const { return info_; }
  std::int64_t tokens() const { return token_begins_.back(); }  // separators included
  std::int64_t documents() const { return document_begins_.back(); }
  std::uint64_t text_bytes() const { return text_bytes_; }
  std::size_t shards() const { return shards_.size(); }

  // Of the shards' checksums, in order.
  std::uint64_t fingerprint() const;
  // The stream index of a document's first token (its separator), 0 ≤ document ≤ documents().
  std::int64_t document_begin(std::int64_t document) const;
  // Tokens begin, begin + 1, ... of the ring; begin ≥ 0. Throws corrupt for an id outside the
  // vocabulary, internal on an empty split.
  void read(std::int64_t begin, std::span<std::int32_t> out) const;

 private:
  std::string name_;
  std::vector<TokenShard> shards_;
  ShardInfo info_;
  std::vector<std::int64_t> token_begins_{0};     // of each shard, and the total
  std::vector<std::int64_t> document_begins_{0};  // likewise
  std::uint64_t text_bytes_ = 0;
};

}  // namespace stemma

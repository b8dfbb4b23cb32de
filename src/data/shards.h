// A token shard: the tokens of whole documents in one file, read by mapping it.
//
// Format, version 1. Little-endian, nothing between the parts but the zeros named here:
//
//   offset      size  header
//   0           8     "STMATOK1"
//   8           4     version, u32 = 1
//   12          4     bytes of one token, u32: 2 where the vocabulary has at most 65536 ids, else 4
//   16          4     vocabulary size, u32: every token is below it
//   20          4     separator, u32: the end-of-text id that every document begins with;
//                     0xFFFFFFFF where the tokenizer has none
//   24          8     tokenizer fingerprint, u64 (tokenizer_fingerprint.h)
//   32          t     the tokens, u16 or u32, zeros up to a multiple of 8 bytes
//   32+t        8·(documents+1)   u64 each: the index of every document's first token (its
//                     separator, where there is one), then the number of tokens; ascending, from 0
//               40    footer: tokens u64, documents u64, bytes of text u64, checksum u64,
//                     "STMATEND"
//
// The checksum is XXH3-64 over everything before it, in pieces of 1 MiB (the last one shorter), the
// seed of each piece being the hash of the piece before, 0 for the first. Counts stand at the end
// so that a shard is written in one pass.
//
//   ShardWriter writer("train-00000.tokens", {.vocab_size = 50257, .separator = 50256});
//   writer.add_document(ids, text.size());
//   writer.finish();
//   TokenShard shard("train-00000.tokens");
//   shard.copy(0, buffer);
//
// A TokenShard is immutable and may be read by several threads. The file must not be changed in
// place while it is open; replacing it by a rename, as AtomicFile does, is safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"

namespace stemma {

struct ShardInfo {
  std::int64_t vocab_size = 0;
  std::optional<std::int32_t> separator;
  std::uint64_t tokenizer_fingerprint = 0;
  bool operator==(const ShardInfo&) const = default;
};

class ShardWriter {
 public:
  // Throws invalid_argument (impossible info), device.
  ShardWriter(const std::filesystem::path& path, ShardInfo info);

  // `ids` without the separator, which is put before them. A document without any token is left
  // out. Throws invalid_argument for an id outside the vocabulary, device.
  void add_document(std::span<const std::int32_t> ids, std::uint64_t text_bytes);
  // Makes the shard visible under its name; without it nothing remains.
  void finish();

  std::int64_t tokens() const { return tokens_; }  // separators included
  std::int64_t documents() const { return static_cast<std::int64_t>(begins_.size()); }
  std::uint64_t text_bytes() const { return text_bytes_; }

 private:
  void append(const void* data, std::size_t size);
  void append_token(std::int32_t id);
  void flush_piece();

  AtomicFile file_;
  ShardInfo info_;
  std::string name_;
  std::string piece_;
  std::uint64_t checksum_ = 0;
  std::vector<std::uint64_t> begins_;
  std::int64_t tokens_ = 0;
  std::uint64_t text_bytes_ = 0;
};

class TokenShard {
 public:
  // Throws not_found, device; corrupt when header, sizes or offsets do not fit the file, and, with
  // `check_contents` (reads the whole file once), for a wrong checksum, an id outside the
  // vocabulary or a document that does not begin with the separator.
  explicit TokenShard(const std::filesystem::path& path, bool check_contents = true);

  const ShardInfo& info() const { return info_; }
  std::int64_t tokens() const { return tokens_; }
  std::int64_t documents() const { return documents_; }
  std::uint64_t text_bytes() const { return text_bytes_; }
  std::uint64_t checksum() const { return checksum_; }  // of the whole file
  // The index of a document's first token, 0 ≤ document ≤ documents(); the last is tokens().
  std::int64_t document_begin(std::int64_t document) const;
  // Tokens [begin, begin + out.size()). Throws corrupt for an id outside the vocabulary.
  void copy(std::int64_t begin, std::span<std::int32_t> out) const;

 private:
  void read_header();
  void read_footer();
  void check_offsets() const;
  void check_contents() const;
  [[noreturn]] void damaged(const std::string& what) const;

  std::string name_;
  MappedFile file_;
  ShardInfo info_;
  std::size_t token_bytes_ = 2;
  std::size_t offsets_at_ = 0;  // byte of the offsets table
  std::int64_t tokens_ = 0, documents_ = 0;
  std::uint64_t text_bytes_ = 0, checksum_ = 0;
};

}  // namespace stemma

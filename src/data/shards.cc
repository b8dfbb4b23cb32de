#include "data/shards.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"

namespace stemma {
namespace {

static_assert(std::endian::native == std::endian::little,
              "shards are written as they lie in memory");

constexpr std::string_view kMagic = "STMATOK1";
constexpr std::string_view kEndMagic = "STMATEND";
constexpr std::uint32_t kShardVersion = 1;
constexpr std::uint32_t kNoSeparator = 0xFFFFFFFFu;
constexpr std::size_t kHeaderBytes = 32;
constexpr std::size_t kFooterBytes = 40;
constexpr std::size_t kChecksumBytes = 16;  // the checksum and the end magic: not summed
constexpr std::size_t kPieceBytes = 1 << 20;

std::size_t token_bytes(std::int64_t vocab_size) { return vocab_size <= 65536 ? 2 : 4; }

std::size_t padding(std::size_t bytes) { return (8 - bytes % 8) % 8; }

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Widens tokens and returns the largest.
template <class Stored>
std::uint32_t widen(const std::byte* from, std::span<std::int32_t> out) {
  std::uint32_t largest = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::uint32_t id = load<Stored>(from + i * sizeof(Stored));
    largest = std::max(largest, id);
    out[i] = static_cast<std::int32_t>(id);
  }
  return largest;
}

void check_info(const ShardInfo& info, const std::string& name) {
  const bool vocab_fits =
      info.vocab_size >= 1 && info.vocab_size <= std::numeric_limits<std::int32_t>::max();
  if (!vocab_fits ||
      (info.separator && (*info.separator < 0 || *info.separator >= info.vocab_size)))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[data] {}: a vocabulary of {} ids with separator {} is impossible",
                            name, info.vocab_size, info.separator.value_or(-1)));
}

}  // namespace

ShardWriter::ShardWriter(const std::filesystem::path& path, ShardInfo info)
    : file_(path), info_(std::move(info)), name_(path.string()) {
  check_info(info_, name_);
  piece_.reserve(kPieceBytes);
  append(kMagic.data(), kMagic.size());
  const std::uint32_t fields[4] = {
      kShardVersion, static_cast<std::uint32_t>(token_bytes(info_.vocab_size)),
      static_cast<std::uint32_t>(info_.vocab_size),
      info_.separator ? static_cast<std::uint32_t>(*info_.separator) : kNoSeparator};
  append(fields, sizeof fields);
  append(&info_.tokenizer_fingerprint, sizeof info_.tokenizer_fingerprint);
}

void ShardWriter::flush_piece() {
  checksum_ = hash64(std::string_view(piece_), checksum_);
  file_.write(std::string_view(piece_));
  piece_.clear();
}

void ShardWriter::append(const void* data, std::size_t size) {
  const char* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const std::size_t part = std::min(size, kPieceBytes - piece_.size());
    piece_.append(bytes, part);
    bytes += part;
    size -= part;
    if (piece_.size() == kPieceBytes) flush_piece();
  }
}

void ShardWriter::append_token(std::int32_t id) {
  const auto value = static_cast<std::uint32_t>(id);
  append(&value, token_bytes(info_.vocab_size));  // little-endian: the low bytes come first
  ++tokens_;
}

void ShardWriter::add_document(std::span<const std::int32_t> ids, std::uint64_t text_bytes) {
  for (const std::int32_t id : ids)
    if (id < 0 || id >= info_.vocab_size)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[data] {}: token {} is not in [0, {}), the tokenizer's vocabulary",
                              name_, id, info_.vocab_size));
  if (ids.empty()) return;
  begins_.push_back(static_cast<std::uint64_t>(tokens_));
  if (info_.separator) append_token(*info_.separator);
  for (const std::int32_t id : ids) append_token(id);
  text_bytes_ += text_bytes;
}

void ShardWriter::finish() {
  const std::uint64_t zeros = 0;
  append(&zeros, padding(static_cast<std::size_t>(tokens_) * token_bytes(info_.vocab_size)));
  append(begins_.data(), begins_.size() * sizeof(std::uint64_t));
  const std::uint64_t counts[4] = {static_cast<std::uint64_t>(tokens_),
                                   static_cast<std::uint64_t>(tokens_), begins_.size(),
                                   text_bytes_};
  append(counts, sizeof counts);  // the last offset and the three counts
  if (!piece_.empty()) flush_piece();
  piece_.assign(reinterpret_cast<const char*>(&checksum_), sizeof checksum_);
  piece_ += kEndMagic;
  file_.write(std::string_view(piece_));
  file_.commit();
}

TokenShard::TokenShard(const std::filesystem::path& path, bool contents_too)
    : name_(path.string()), file_(path) {
  if (file_.bytes().size() < kHeaderBytes + 8 + kFooterBytes)
    damaged(fmt::format("it has {} bytes, a shard has at least {}", file_.bytes().size(),
                        kHeaderBytes + 8 + kFooterBytes));
  read_header();
  read_footer();
  check_offsets();
  if (contents_too) check_contents();
}

void TokenShard::damaged(const std::string& what) const {
  throw Error(ErrorCode::corrupt,
              fmt::format("[data] {}: damaged token shard: {}; pack the data again", name_, what));
}

void TokenShard::read_header() {
  const std::byte* header = file_.bytes().data();
  if (file_.text().substr(0, kMagic.size()) != kMagic)
    damaged(fmt::format("it does not begin with {}", kMagic));
  if (const auto version = load<std::uint32_t>(header + 8); version != kShardVersion)
    throw Error(ErrorCode::unsupported,
                fmt::format("[data] {}: shard version {}, this program reads version {}; pack the "
                            "data again",
                            name_, version, kShardVersion));
  const auto width = load<std::uint32_t>(header + 12);
  const auto vocab = load<std::uint32_t>(header + 16);
  const auto separator = load<std::uint32_t>(header + 20);
  if (vocab == 0 || vocab > std::numeric_limits<std::int32_t>::max())
    damaged(fmt::format("a vocabulary of {} ids", vocab));
  if (width != token_bytes(vocab))
    damaged(fmt::format("{} bytes a token with a vocabulary of {}", width, vocab));
  if (separator != kNoSeparator && separator >= vocab)
    damaged(fmt::format("separator {} is outside the vocabulary of {}", separator, vocab));
  token_bytes_ = width;
  info_.vocab_size = vocab;
  if (separator != kNoSeparator) info_.separator = static_cast<std::int32_t>(separator);
  info_.tokenizer_fingerprint = load<std::uint64_t>(header + 24);
}

void TokenShard::read_footer() {
  const std::size_t size = file_.bytes().size();
  const std::byte* footer = file_.bytes().data() + (size - kFooterBytes);
  if (file_.text().substr(size - kEndMagic.size()) != kEndMagic)
    damaged(fmt::format("it does not end with {} (truncated?)", kEndMagic));
  const auto tokens = load<std::uint64_t>(footer);
  const auto documents = load<std::uint64_t>(footer + 8);
  // Each count is bounded by the file's size first, so that no product below can overflow.
  if (tokens > size / token_bytes_ || documents > size / 8)
    damaged(fmt::format("{} tokens in {} documents do not fit {} bytes", tokens, documents, size));
  const std::size_t bytes = tokens * token_bytes_;
  const std::size_t wanted =
      kHeaderBytes + bytes + padding(bytes) + 8 * (documents + 1) + kFooterBytes;
  if (wanted != size)
    damaged(fmt::format("{} tokens in {} documents make {} bytes, the file has {}", tokens,
                        documents, wanted, size));
  tokens_ = static_cast<std::int64_t>(tokens);
  documents_ = static_cast<std::int64_t>(documents);
  text_bytes_ = load<std::uint64_t>(footer + 16);
  checksum_ = load<std::uint64_t>(footer + 24);
  offsets_at_ = kHeaderBytes + bytes + padding(bytes);
}

std::int64_t TokenShard::document_begin(std::int64_t document) const {
  return load<std::int64_t>(file_.bytes().data() + offsets_at_ +
                            8 * static_cast<std::size_t>(document));
}

void TokenShard::check_offsets() const {
  if (document_begin(0) != 0) damaged("the first document does not begin at token 0");
  if (document_begin(documents_) != tokens_)
    damaged("the last document does not end with the last token");
  for (std::int64_t d = 0; d < documents_; ++d)
    if (document_begin(d) >= document_begin(d + 1))
      damaged(fmt::format("document offsets do not ascend at document {}: {} then {}", d,
                          document_begin(d), document_begin(d + 1)));
}

void TokenShard::check_contents() const {
  std::uint64_t checksum = 0;
  const std::span<const std::byte> summed =
      file_.bytes().first(file_.bytes().size() - kChecksumBytes);
  for (std::size_t at = 0; at < summed.size(); at += kPieceBytes)
    checksum = hash64(summed.subspan(at, std::min(kPieceBytes, summed.size() - at)), checksum);
  if (checksum != checksum_)
    damaged(fmt::format("its checksum is {:016x}, its content gives {:016x}", checksum_, checksum));
  std::vector<std::int32_t> piece(kPieceBytes / sizeof(std::int32_t));
  for (std::int64_t at = 0; at < tokens_; at += static_cast<std::int64_t>(piece.size())) {
    const auto count = std::min(static_cast<std::int64_t>(piece.size()), tokens_ - at);
    copy(at, std::span(piece).first(static_cast<std::size_t>(count)));
  }
  if (!info_.separator) return;
  for (std::int64_t d = 0; d < documents_; ++d) {
    std::int32_t first = 0;
    copy(document_begin(d), {&first, 1});
    if (first != *info_.separator)
      damaged(fmt::format("document {} does not begin with the separator", d));
  }
}

void TokenShard::copy(std::int64_t begin, std::span<std::int32_t> out) const {
  const auto count = static_cast<std::int64_t>(out.size());
  if (begin < 0 || begin > tokens_ || count > tokens_ - begin)
    throw Error(ErrorCode::internal, fmt::format("[data] {}: tokens [{}, {}) of {} were asked for",
                                                 name_, begin, begin + count, tokens_));
  if (out.empty()) return;
  const std::byte* from =
      file_.bytes().data() + kHeaderBytes + static_cast<std::size_t>(begin) * token_bytes_;
  const std::uint32_t largest =
      token_bytes_ == 2 ? widen<std::uint16_t>(from, out) : widen<std::uint32_t>(from, out);
  if (largest >= static_cast<std::uint64_t>(info_.vocab_size))
    damaged(fmt::format("token {} in a vocabulary of {}", largest, info_.vocab_size));
}

}  // namespace stemma

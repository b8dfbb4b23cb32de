#include "text/bpe_tokenizer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "base/error.h"
#include "text/hugging_face.h"

namespace stemma {
namespace {

// Words come again and again: this remembers where in the output the ids of a piece stand. One
// place a hash value, the newest piece wins; it lives for one call, so nothing is shared.
class PieceCache {
 public:
  explicit PieceCache(std::size_t text_bytes)
      : places_(std::clamp<std::size_t>(std::bit_ceil(text_bytes / 32), 16, 1 << 16)) {}

  // Appends the ids of `piece` where they are known.
  bool copy(std::string_view piece, std::vector<std::int32_t>& ids) const {
    const Place& place = places_[index_of(piece)];
    if (place.piece != piece) return false;
    for (std::size_t i = 0; i < place.count; ++i) ids.push_back(ids[place.first + i]);
    return true;
  }

  void put(std::string_view piece, std::size_t first, std::size_t count) {
    places_[index_of(piece)] = {piece, first, count};
  }

 private:
  struct Place {
    std::string_view piece;
    std::size_t first = 0, count = 0;
  };

  // Of the length and up to 16 bytes from both ends.
  std::size_t index_of(std::string_view piece) const {
    std::uint64_t head = 0, tail = 0;
    const std::size_t bytes = std::min<std::size_t>(piece.size(), 8);
    std::memcpy(&head, piece.data(), bytes);
    std::memcpy(&tail, piece.data() + piece.size() - bytes, bytes);
    std::uint64_t hash = (head ^ piece.size()) * 0x9E3779B97F4A7C15u;
    hash = (hash ^ (hash >> 32) ^ tail) * 0xD6E8FEB86659FD93u;
    return (hash >> 32) & (places_.size() - 1);
  }

  std::vector<Place> places_;
};

}  // namespace

BpeTokenizer::BpeTokenizer(BpeVocabulary vocabulary, const Splitter& splitter,
                           std::optional<std::int32_t> end_of_text)
    : vocabulary_(std::move(vocabulary)),
      merger_(vocabulary_),
      splitter_(splitter),
      end_of_text_(end_of_text) {}

void BpeTokenizer::encode(std::string_view text, std::vector<std::int32_t>& ids) const {
  PieceCache cache(text.size());
  std::array<std::size_t, 256> ends;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t count = splitter_.split(text, begin, ends);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string_view piece = text.substr(begin, ends[i] - begin);
      begin = ends[i];
      if (piece.size() == 1) {
        merger_.encode(piece, ids);
      } else if (!cache.copy(piece, ids)) {
        const std::size_t first = ids.size();
        merger_.encode(piece, ids);
        cache.put(piece, first, ids.size() - first);
      }
    }
  }
}

std::string_view BpeTokenizer::bytes_of(std::int32_t id) const {
  const auto& tokens = vocabulary_.tokens;
  if (id < 0 || static_cast<std::size_t>(id) >= tokens.size() || tokens[id].empty())
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[tokenizer] token id {} is {}; the vocabulary has {} ids", id,
                    id < 0 || id >= vocab_size() ? "out of range" : "unused", tokens.size()));
  return tokens[id];
}

std::shared_ptr<const BpeTokenizer> make_bpe_tokenizer(BpeVocabulary vocabulary,
                                                       const Splitter& splitter,
                                                       std::string_view eos_name) {
  std::optional<std::int32_t> end_of_text;
  for (const std::string_view wanted : {std::string_view("<|endoftext|>"), eos_name})
    for (const auto& [name, id] : vocabulary.special_tokens)
      if (name == wanted) end_of_text = id;
  return std::make_shared<BpeTokenizer>(std::move(vocabulary), splitter, end_of_text);
}

void BpeTokenizer::save(const std::filesystem::path& folder) const {
  save_hugging_face(*this, folder);
}

}  // namespace stemma

#include "text/bpe/bpe_tokenizer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <span>
#include <string>

#include <fmt/format.h>

#include "base/error.h"
#include "text/bpe/reserve_ids.h"
#include "text/files/hugging_face.h"
#include "text/lookup/piece_cache.h"
#include "text/lookup/word_cache.h"
#include "text/unicode/lowercase.h"

namespace stemma::bpe {

BpeTokenizer::BpeTokenizer(BpeVocabulary vocabulary, const split::Splitter& splitter,
                           std::optional<std::int32_t> end_of_text)
    : vocabulary_(std::move(vocabulary)),
      added_(vocabulary_.added_tokens),
      merger_(vocabulary_),
      words_(std::make_unique<lookup::WordCache>(vocabulary_.tokens.size())),
      splitter_(splitter),
      end_of_text_(end_of_text) {}

BpeTokenizer::~BpeTokenizer() = default;

std::vector<std::pair<std::string, std::int32_t>> BpeTokenizer::special_roles() const {
  std::vector<std::pair<std::string, std::int32_t>> roles(vocabulary_.roles.begin(),
                                                          vocabulary_.roles.end());
  if (roles.empty() && end_of_text_)
    for (const char* role : {"bos_token", "eos_token", "unk_token"})
      roles.emplace_back(role, *end_of_text_);
  return roles;
}

namespace {

// Encodes one text.
class TextEncoder {
 public:
  TextEncoder(std::string_view text, const BpeMerger& merger, lookup::WordCache& words,
              std::vector<std::int32_t>& ids)
      : text_(text), merger_(merger), ids_(ids), words_(words), pieces_(text.size()) {}

  // The pieces from `begin` on that end at `ends`.
  void encode(std::size_t begin, std::span<const std::size_t> ends) {
    for (const std::size_t end : ends) {
      if (end - begin <= lookup::kMaxWordBytes && !is_sentence(begin, end))
        add(begin, end, false);
      else
        add_parts(begin, end);
      begin = end;
    }
    encode_added();
    flush();
  }

  static constexpr std::size_t kBatch = 256;

 private:
  // A piece, or a part of one.
  struct Added {
    std::size_t begin, size;
    bool part;
    lookup::WordKey key;          // up to kMaxWordBytes
    lookup::WordCache::Set* set;  // the same
  };

  const char* text_end() const { return text_.data() + text_.size(); }

  // Whether the piece ends with a character of three bytes, as in Chinese. Such pieces are parts of
  // sentences rather than words, and few of them occur twice, so they are cut into parts at once.
  bool is_sentence(std::size_t begin, std::size_t end) const {
    return end - begin > 3 && static_cast<unsigned char>(text_[end - 3]) >= 0xE0;
  }

  void flush() {
    ids_.insert(ids_.end(), buffer_.data(), buffer_.data() + buffered_);
    buffered_ = 0;
  }

  void add_parts(std::size_t begin, std::size_t end) {
    const std::string_view piece = text_.substr(begin, end - begin);
    for (std::size_t at = 0; at < piece.size();) {
      const std::size_t next = merger_.part_end(piece, at);
      add(begin + at, begin + next, next - at < piece.size());
      at = next;
    }
  }

  // Collects words and prefetches their sets of the cache; the batch is encoded later. So the cache
  // misses of a batch overlap.
  void add(std::size_t begin, std::size_t end, bool part) {
    // A part of a piece may be encoded otherwise than a piece of the same bytes (encode_part()), so
    // it has a key of its own. Sizes leave this bit free.
    constexpr std::uint64_t kPart = std::uint64_t{1} << 63;
    if (added_ == kBatch) encode_added();
    Added& added = batch_[added_++];
    added.begin = begin;
    added.size = end - begin;
    added.part = part;
    if (added.size > lookup::kMaxWordBytes) return;
    added.key = lookup::WordKey::of(text_.data() + begin, added.size, text_end());
    added.key.high |= part ? kPart : 0;
    added.set = &words_.set_of(added.key);
    __builtin_prefetch(added.set);
  }

  void encode_added() {
    for (std::size_t i = 0; i < added_; ++i) {
      const Added& added = batch_[i];
      if (added.size > lookup::kMaxWordBytes)
        encode_other(added);
      else if (const std::size_t count = added.set->find(added.key, &buffer_[buffered_]))
        buffered_ += count;
      else
        encode_word(added);
      if (buffered_ + lookup::kMaxWordBytes > buffer_.size()) flush();
    }
    added_ = 0;
  }

  void encode_word(const Added& added) {
    std::int32_t* ids = &buffer_[buffered_];
    const std::size_t count =
        added.part ? merger_.encode_part(added.key, ids) : merger_.encode_word(added.key, ids);
    added.set->insert(added.key, std::span(ids, count));
    buffered_ += count;
  }

  void encode_other(const Added& added) {
    if (added.part) {
      append(added);
      return;
    }
    const std::string_view piece = text_.substr(added.begin, added.size);
    lookup::PieceCache::Entry& known = pieces_.entry_of(piece);
    if (known.piece != piece) {
      const std::size_t first = append(added);
      known = {piece, first, ids_.size() - first};
      return;
    }
    flush();
    for (std::size_t i = 0; i < known.count; ++i) ids_.push_back(ids_[known.first_id + i]);
  }

  // Returns where the first id is.
  std::size_t append(const Added& added) {
    flush();
    const std::size_t first = ids_.size();
    const std::string_view bytes = text_.substr(added.begin, added.size);
    if (added.part)
      merger_.encode_part(bytes, ids_, scratch_, text_end());
    else
      merger_.encode(bytes, ids_, scratch_, text_end());
    return first;
  }

  std::string_view text_;
  const BpeMerger& merger_;
  std::vector<std::int32_t>& ids_;
  lookup::WordCache& words_;
  lookup::PieceCache pieces_;
  BpeMerger::Scratch scratch_;
  std::array<Added, kBatch> batch_;
  std::size_t added_ = 0;
  std::array<std::int32_t, 1024> buffer_;
  std::size_t buffered_ = 0;  // the next ids
};

// The bytes of a text that have tokens; the others are left out of its pieces.
class KeptBytes {
 public:
  // Keeps all where none is missing.
  KeptBytes(std::string_view text, std::string_view missing) : text_(text) {
    for (const char byte : missing) is_missing_[static_cast<unsigned char>(byte)] = true;
    if (missing.empty() || std::ranges::none_of(text, [&](char c) { return missing_at(c); }))
      return;
    loses_ = true;
    std::ranges::copy_if(text, std::back_inserter(kept_), [&](char c) { return !missing_at(c); });
  }

  std::string_view text() const { return loses_ ? std::string_view(kept_) : text_; }
  // Moves the ends of the next pieces to text(); pieces of which nothing is left are taken out.
  std::span<const std::size_t> move(std::span<std::size_t> ends) {
    if (!loses_) return ends;
    std::size_t count = 0;
    for (const std::size_t end : ends) {
      const std::size_t before = kept_end_;
      for (; end_ < end; ++end_) kept_end_ += missing_at(text_[end_]) ? 0 : 1;
      if (kept_end_ > before) ends[count++] = kept_end_;
    }
    return ends.first(count);
  }

 private:
  bool missing_at(char byte) const { return is_missing_[static_cast<unsigned char>(byte)]; }

  std::string_view text_;
  std::array<bool, 256> is_missing_{};
  bool loses_ = false;
  std::string kept_;
  std::size_t end_ = 0, kept_end_ = 0;  // of the pieces that were moved
};

}  // namespace

void BpeTokenizer::encode(std::string_view text, std::vector<std::int32_t>& ids) const {
  std::size_t begin = 0;
  for (;;) {
    const auto found = added_.find(text, begin);
    if (!found.has_value()) break;
    encode_between(text.substr(begin, found->begin - begin), ids);
    ids.push_back(found->id);
    begin = found->end;
  }
  encode_between(text.substr(begin), ids);
}

void BpeTokenizer::encode_between(std::string_view text, std::vector<std::int32_t>& ids) const {
  std::string changed;
  if (vocabulary_.prefix_space && !text.empty() && text.front() != ' ') {
    changed.append(" ").append(text);
    text = changed;
  }
  if (vocabulary_.lowercase) {
    changed = unicode::lowercase(text);
    text = changed;
  }
  reserve_ids(text, ids);
  KeptBytes kept(text, vocabulary_.missing_bytes);
  TextEncoder encoder(kept.text(), merger_, *words_, ids);
  std::array<std::size_t, TextEncoder::kBatch> ends;
  std::size_t kept_begin = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t count = splitter_.split(text, begin, ends);
    begin = ends[count - 1];
    const std::span<const std::size_t> pieces = kept.move(std::span(ends).first(count));
    encoder.encode(kept_begin, pieces);
    if (!pieces.empty()) kept_begin = pieces.back();
  }
}

// An added token may begin in the last bytes and end behind them. Those before are known, and their
// ends are boundaries.
std::size_t BpeTokenizer::last_boundary(std::string_view text) const {
  if (added_.empty()) return last_boundary_between(text);
  const std::size_t longest = added_.longest_name();
  const std::size_t known = text.size() < longest ? 0 : text.size() - longest + 1;
  std::size_t begin = 0;
  for (auto found = added_.find(text); found && found->begin < known;
       found = added_.find(text, begin))
    begin = found->end;
  if (begin >= known) return begin;
  return begin + last_boundary_between(text.substr(begin, known - begin));
}

std::size_t BpeTokenizer::last_boundary_between(std::string_view text) const {
  if (!vocabulary_.lowercase && !vocabulary_.prefix_space) return splitter_.last_boundary(text);
  // What goes on with a space gets no other one before it. Capitals may hide a boundary or make one
  // ("HeL" in o200k, "İ!"), but not between an ASCII letter and a space or line end.
  for (std::size_t place = text.size() < 2 ? 0 : text.size() - 1; place > 0; --place) {
    const char before = static_cast<char>(text[place - 1] | 0x20), after = text[place];
    const bool fits = after == ' ' || (after == '\n' && !vocabulary_.prefix_space);
    if ('a' <= before && before <= 'z' && fits) return place;
  }
  return 0;
}

Framed BpeTokenizer::frame(std::span<const std::int32_t> first) const {
  return framed(vocabulary_.frame.single, first, {});
}

Framed BpeTokenizer::frame(std::span<const std::int32_t> first,
                           std::span<const std::int32_t> second) const {
  return framed(vocabulary_.frame.pair, first, second);
}

std::string_view BpeTokenizer::bytes_of(std::int32_t id) const {
  return lookup::token_of(vocabulary_.tokens, id);
}

// The first pass adds up the sizes, the second one copies. Most tokens are short, so 16 bytes are
// copied at a time where there is room for them.
void BpeTokenizer::decode(std::span<const std::int32_t> ids, std::string& text) const {
  std::size_t size = text.size();
  for (const std::int32_t id : ids) size += bytes_of(id).size();
  const std::size_t begin = text.size();
  text.resize(size);
  char* to = text.data() + begin;
  const char* const end = text.data() + size;
  const lookup::TokenList& tokens = vocabulary_.tokens;
  for (const std::int32_t id : ids) {
    const std::string_view token = tokens[id];
    if (token.size() <= lookup::TokenList::kReadable &&
        end - to >= std::ptrdiff_t{lookup::TokenList::kReadable})
      std::memcpy(to, token.data(), lookup::TokenList::kReadable);
    else
      std::memcpy(to, token.data(), token.size());
    to += token.size();
  }
}

std::shared_ptr<const BpeTokenizer> make_bpe_tokenizer(BpeVocabulary vocabulary,
                                                       const split::Splitter& splitter,
                                                       std::string_view eos_name) {
  const auto end_of_text = separator_of(vocabulary.special_tokens, eos_name);
  return std::make_shared<BpeTokenizer>(std::move(vocabulary), splitter, end_of_text);
}

void BpeTokenizer::save(const std::filesystem::path& folder) const {
  tokenizer_files::save_hugging_face(*this, folder);
}

}  // namespace stemma::bpe

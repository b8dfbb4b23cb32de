#include "data/masked_sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/philox.h"
#include "data/permutation.h"

namespace stemma {
namespace {

constexpr std::int64_t kFrame = 3;  // [CLS] and two [SEP]
constexpr double kChosen = 0.15, kMasked = 0.8, kReplaced = 0.1, kShort = 0.1;

// What a Philox value is drawn for: the second word of its counter. permuted() has the words 0 to 7
// there, Sampler another one.
enum class Purpose : std::uint32_t { stretch = 0x4D4C4D00, elsewhere, targets };

std::array<std::uint32_t, 4> draw(std::uint64_t seed, Purpose purpose, std::int64_t sequence,
                                  std::size_t number = 0) {
  const auto s = static_cast<std::uint64_t>(sequence);
  return philox(philox_key(seed),
                {static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(purpose),
                 static_cast<std::uint32_t>(s), static_cast<std::uint32_t>(s >> 32)});
}

// A whole number in [0, n), n ≥ 1: off by at most n / 2^32 from even.
std::int64_t below(std::uint32_t random, std::int64_t n) {
  return static_cast<std::int64_t>(std::uint64_t{random} * static_cast<std::uint64_t>(n) >> 32);
}

double uniform(std::uint32_t random) { return static_cast<double>(random) * 0x1p-32; }

void check_sequences(std::int64_t first, std::int64_t count) {
  if (first < 0 || count < 0 || first > std::numeric_limits<std::int64_t>::max() - count)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[data] sequences {} and the {} after it do not exist", first, count));
}

}  // namespace

MaskSpecials mask_specials(const Tokenizer& tokenizer) {
  MaskSpecials specials;
  for (const auto& [name, id] : tokenizer.special_tokens()) {
    specials.all.push_back(id);
    if (name == "[CLS]") specials.cls = id;
    if (name == "[SEP]") specials.sep = id;
    if (name == "[MASK]") specials.mask = id;
  }
  std::sort(specials.all.begin(), specials.all.end());
  std::vector<std::string_view> missing;
  if (specials.cls < 0) missing.push_back("[CLS]");
  if (specials.sep < 0) missing.push_back("[SEP]");
  if (specials.mask < 0) missing.push_back("[MASK]");
  if (!missing.empty())
    throw Error(ErrorCode::unsupported,
                fmt::format("[data] a masked language model needs special tokens that this "
                            "tokenizer does not have: {}; choose a WordPiece tokenizer",
                            fmt::join(missing, ", ")));
  return specials;
}

MaskedSampler::MaskedSampler(std::shared_ptr<const Split> split, MaskedSamplerOptions options)
    : split_(std::move(split)), options_(std::move(options)) {
  const std::int64_t longest = options_.sequence_length - kFrame;
  if (longest < 2 || options_.sequence_length > std::int64_t{1} << 30)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[data] a sequence of a pair has 5 to 2^30 tokens, got {}",
                            options_.sequence_length));
  if (split_->documents() < 2)
    throw Error(ErrorCode::corrupt,
                fmt::format("[data] the {} have {} documents: next-sentence pairs need at least "
                            "two; give more text",
                            split_->name(), split_->documents()));
  const MaskSpecials& s = options_.specials;
  for (const std::int32_t id : {s.cls, s.sep, s.mask})
    if (id < 0 || id >= split_->info().vocab_size || !is_special(id))
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[data] the special id {} does not belong to the vocabulary of {} of "
                              "the {}: take mask_specials() of the tokenizer that packed them",
                              id, split_->info().vocab_size, split_->name()));
  if (static_cast<std::int64_t>(s.all.size()) >= split_->info().vocab_size)
    throw Error(ErrorCode::invalid_argument, "[data] all tokens of the vocabulary are special");
  for (std::int64_t document = 0; document < split_->documents(); ++document) {
    const std::int64_t tokens = document_tokens(document);
    const std::int64_t whole = tokens / longest, rest = tokens % longest;
    stretch_begins_.push_back(stretch_begins_.back() + whole + (rest >= 2 ? 1 : 0));
  }
  if (stretches() == 0)
    throw Error(
        ErrorCode::corrupt,
        fmt::format("[data] no document of the {} has two tokens; give more text", split_->name()));
}

bool MaskedSampler::is_special(std::int32_t id) const {
  return std::binary_search(options_.specials.all.begin(), options_.specials.all.end(), id);
}

// A token of the vocabulary that is not special.
std::int32_t MaskedSampler::ordinary(std::uint32_t random) const {
  const std::vector<std::int32_t>& special = options_.specials.all;
  auto id = static_cast<std::int32_t>(
      below(random, split_->info().vocab_size - static_cast<std::int64_t>(special.size())));
  for (const std::int32_t one : special)
    if (id >= one) ++id;
  return id;
}

// Without the separator before them.
std::int64_t MaskedSampler::document_tokens(std::int64_t document) const {
  return split_->document_begin(document + 1) - split_->document_begin(document) -
         (split_->info().separator ? 1 : 0);
}

// `length` tokens of a random document but this one, from a random place.
MaskedSampler::Piece MaskedSampler::elsewhere(std::int64_t document, std::int64_t length,
                                              std::int64_t sequence) const {
  const auto random = draw(options_.seed, Purpose::elsewhere, sequence);
  std::int64_t other = below(random[0], split_->documents() - 1);
  if (other >= document) ++other;
  const std::int64_t tokens = document_tokens(other), taken = std::min(length, tokens);
  return {other, below(random[1], tokens - taken + 1), taken};
}

MaskedSampler::Pair MaskedSampler::pair_of(std::int64_t sequence) const {
  const auto n = static_cast<std::uint64_t>(stretches());
  const auto i = static_cast<std::uint64_t>(sequence);
  const auto stretch = static_cast<std::int64_t>(permuted(i % n, n, options_.seed, i / n));
  const auto after = std::upper_bound(stretch_begins_.begin(), stretch_begins_.end() - 1, stretch);
  const std::int64_t document = after - stretch_begins_.begin() - 1;
  const std::int64_t longest = options_.sequence_length - kFrame;
  std::int64_t begin = (stretch - stretch_begins_[static_cast<std::size_t>(document)]) * longest;
  std::int64_t length = std::min(longest, document_tokens(document) - begin);

  const auto random = draw(options_.seed, Purpose::stretch, sequence);
  if (uniform(random[0]) < kShort) {
    const std::int64_t taken = 2 + below(random[1], length - 1);
    begin += below(draw(options_.seed, Purpose::stretch, sequence, 1)[0], length - taken + 1);
    length = taken;
  }
  const std::int64_t first = 1 + below(random[2], length - 1);
  Pair pair;
  pair.a = {document, begin, first};
  pair.follows = random[3] >> 31 == 0;
  pair.b = pair.follows ? Piece{document, begin + first, length - first}
                        : elsewhere(document, length - first, sequence);
  return pair;
}

std::vector<std::int32_t> MaskedSampler::ids_of(const Pair& pair) const {
  const MaskSpecials& s = options_.specials;
  std::vector<std::int32_t> ids{s.cls};
  for (const Piece& piece : {pair.a, pair.b}) {
    const std::size_t at = ids.size(), count = static_cast<std::size_t>(piece.length);
    ids.resize(at + count);
    const std::int64_t begin =
        split_->document_begin(piece.document) + (split_->info().separator ? 1 : 0) + piece.begin;
    split_->read(begin, std::span(ids).subspan(at, count));
    ids.push_back(s.sep);
  }
  return ids;
}

// The places that may be targets.
std::vector<std::int64_t> MaskedSampler::candidates(const std::vector<std::int32_t>& ids) const {
  std::vector<std::int64_t> places;
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (!is_special(ids[i])) places.push_back(static_cast<std::int64_t>(i));
  return places;
}

namespace {

// Of a sequence of that many tokens, as the paper's code rounds.
std::size_t targets_of(std::size_t tokens, std::size_t candidates) {
  const auto wanted = static_cast<std::size_t>(std::lround(kChosen * static_cast<double>(tokens)));
  return std::min(std::max<std::size_t>(1, wanted), candidates);
}

}  // namespace

void MaskedSampler::mask(std::int64_t sequence, std::vector<std::int32_t>& ids,
                         std::vector<std::int32_t>& targets) const {
  targets.assign(ids.size(), -1);
  std::vector<std::int64_t> places = candidates(ids);
  const std::size_t count = targets_of(ids.size(), places.size());
  // The first steps of a Fisher-Yates shuffle.
  for (std::size_t j = 0; j < count; ++j) {
    const auto random = draw(options_.seed, Purpose::targets, sequence, j);
    const auto left = static_cast<std::int64_t>(places.size() - j);
    std::swap(places[j], places[j + static_cast<std::size_t>(below(random[0], left))]);
    const auto at = static_cast<std::size_t>(places[j]);
    targets[at] = ids[at];
    const double way = uniform(random[1]);
    if (way < kMasked)
      ids[at] = options_.specials.mask;
    else if (way < kMasked + kReplaced)
      ids[at] = ordinary(random[2]);
  }
}

void MaskedSampler::fill(std::int64_t first, std::int64_t count, std::int64_t first_number,
                         Batch& batch) const {
  check_sequences(first, count);
  check_sequences(first_number, count);
  batch = {};
  batch.offsets.assign(1, 0);
  std::vector<std::int32_t> targets;
  for (std::int64_t i = 0; i < count; ++i) {
    const Pair pair = pair_of(first + i);
    std::vector<std::int32_t> ids = ids_of(pair);
    mask(first + i, ids, targets);
    batch.ids.insert(batch.ids.end(), ids.begin(), ids.end());
    batch.targets.insert(batch.targets.end(), targets.begin(), targets.end());
    const std::int64_t second = pair.a.length + 2;  // where [CLS] A [SEP] ends
    for (std::int64_t t = 0; t < static_cast<std::int64_t>(ids.size()); ++t) {
      batch.positions.push_back(static_cast<std::int32_t>(t));
      batch.segments.push_back(t < second ? 0 : 1);
    }
    batch.offsets.push_back(batch.tokens());
    batch.numbers.push_back(first_number + i);
    batch.labels.push_back(pair.follows ? 0 : 1);
  }
}

MaskedSampler::Size MaskedSampler::size_of(std::int64_t first, std::int64_t count) const {
  check_sequences(first, count);
  Size size;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::vector<std::int32_t> ids = ids_of(pair_of(first + i));
    size.tokens += static_cast<std::int64_t>(ids.size());
    size.targets += static_cast<std::int64_t>(targets_of(ids.size(), candidates(ids).size()));
  }
  return size;
}

}  // namespace stemma

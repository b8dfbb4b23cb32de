#include "data/sampler.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/philox.h"
#include "data/permutation.h"

namespace stemma {
namespace {

void check_options(const SamplerOptions& options) {
  // Positions are i32, and the number of a sequence times T must fit.
  if (options.sequence_length < 1 || options.sequence_length > std::int64_t{1} << 30)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[data] the sequence length must be in [1, 2^30], got {}",
                            options.sequence_length));
}

void check_range(std::int64_t first, std::int64_t count) {
  if (first < 0 || count < 0 || first > std::numeric_limits<std::int64_t>::max() - count)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[data] sequences are counted from 0 on: there are no {} sequences from {} on",
                    count, first));
}

void clear(Batch& batch) {
  batch.ids.clear();
  batch.positions.clear();
  batch.targets.clear();
  batch.numbers.clear();
  batch.offsets.assign(1, 0);
}

// Adds `length` tokens of the ring from `begin` as one sequence, with the tokens after each as
// targets.
void append_sequence(const Split& split, std::int64_t begin, std::int64_t length, Batch& batch) {
  const std::size_t at = batch.ids.size(), count = static_cast<std::size_t>(length);
  batch.ids.resize(at + count);
  batch.positions.resize(at + count);
  batch.targets.resize(at + count);
  const std::span<std::int32_t> ids = std::span(batch.ids).subspan(at, count);
  const std::span<std::int32_t> targets = std::span(batch.targets).subspan(at, count);
  split.read(begin, ids);
  std::copy(ids.begin() + 1, ids.end(), targets.begin());
  split.read(begin + length, targets.last(1));
  std::iota(batch.positions.begin() + static_cast<std::ptrdiff_t>(at), batch.positions.end(), 0);
  batch.offsets.push_back(static_cast<std::int64_t>(batch.ids.size()));
}

// Tokens of a document that have a target: with a separator, the document's end has one too.
std::int64_t usable(const Split& split, std::int64_t document) {
  const std::int64_t stored = split.document_begin(document + 1) - split.document_begin(document);
  return split.info().separator ? stored : stored - 1;
}

// Targets of the stream read once from its first token: without a separator nothing follows the
// end.
std::int64_t stream_targets(const Split& split) {
  if (split.tokens() == 0) return 0;
  return split.info().separator ? split.tokens() : split.tokens() - 1;
}

}  // namespace

Packing parse_packing(std::string_view name) {
  if (name == "stream") return Packing::stream;
  if (name == "documents") return Packing::documents;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[data] packing must be 'stream' or 'documents', got '{}'", name));
}

std::string_view to_string(Packing packing) {
  return packing == Packing::stream ? "stream" : "documents";
}

// Documents laid into windows of at most T tokens, in order; not copied, found by their places.
class DocumentWindows {
 public:
  DocumentWindows(const Split& split, std::int64_t sequence_length);

  std::int64_t count() const { return static_cast<std::int64_t>(starts_.size()) - 1; }
  std::int64_t targets(const Split& split, std::int64_t window) const;
  // Calls piece(begin in the stream, length) for each sequence of the window.
  template <class Piece>
  void for_each(const Split& split, std::int64_t window, Piece&& piece) const {
    const Start end = starts_[static_cast<std::size_t>(window) + 1];
    for (Start next = starts_[static_cast<std::size_t>(window)];
         next.document != end.document || next.skip != end.skip;) {
      const std::int64_t begin = split.document_begin(next.document) + next.skip;
      if (const std::int64_t length = take(split, next); length > 0) piece(begin, length);
    }
  }

 private:
  struct Start {
    std::int64_t document = 0;
    std::int64_t skip = 0;  // tokens of it that lie in sequences before
  };
  // Length of the sequence at `start`, 0 where the document has no target; moves on to the next.
  std::int64_t take(const Split& split, Start& start) const;

  std::int64_t sequence_length_;
  std::vector<Start> starts_;  // of each window, and the end
};

std::int64_t DocumentWindows::take(const Split& split, Start& start) const {
  const std::int64_t left = usable(split, start.document) - start.skip;
  if (left > sequence_length_) {
    start.skip += sequence_length_;
    return sequence_length_;
  }
  start = {start.document + 1, 0};
  return left;
}

DocumentWindows::DocumentWindows(const Split& split, std::int64_t sequence_length)
    : sequence_length_(sequence_length) {
  std::int64_t filled = 0;
  for (Start next; next.document < split.documents();) {
    const Start start = next;
    const std::int64_t length = take(split, next);
    if (length == 0) continue;
    if (starts_.empty() || filled + length > sequence_length_) {
      starts_.push_back(start);
      filled = 0;
    }
    filled += length;
  }
  starts_.push_back({split.documents(), 0});
}

std::int64_t DocumentWindows::targets(const Split& split, std::int64_t window) const {
  std::int64_t sum = 0;
  for_each(split, window, [&](std::int64_t, std::int64_t length) { sum += length; });
  return sum;
}

Sampler::Sampler(std::shared_ptr<const Split> split, SamplerOptions options)
    : split_(std::move(split)), options_(options) {
  check_options(options_);
  if (split_->documents() == 0)
    throw Error(ErrorCode::corrupt,
                fmt::format("[data] the {} are empty; name files that have text", split_->name()));
  if (options_.packing == Packing::documents) {
    documents_ = std::make_shared<const DocumentWindows>(*split_, options_.sequence_length);
    windows_ = documents_->count();
  } else if (split_->tokens() > options_.sequence_length) {
    windows_ = split_->tokens() / options_.sequence_length;
  }
  if (windows_ == 0)
    throw Error(ErrorCode::corrupt,
                fmt::format("[data] the {} have {} tokens, too few for one sequence of {} and the "
                            "token after it; give more text or a smaller sequence length",
                            split_->name(), split_->tokens(), options_.sequence_length));
}

Sampler::Place Sampler::place_of(std::int64_t sequence) const {
  const auto n = static_cast<std::uint64_t>(windows_), i = static_cast<std::uint64_t>(sequence);
  const std::uint64_t epoch = i / n;
  return {epoch, static_cast<std::int64_t>(permuted(i % n, n, options_.seed, epoch))};
}

std::int64_t Sampler::shift_of(std::uint64_t epoch) const {
  // Counter word 1 is the round in permuted(), which never reaches this.
  const auto random = philox(
      philox_key(options_.seed),
      {0, 0xFFFFFFFFu, static_cast<std::uint32_t>(epoch), static_cast<std::uint32_t>(epoch >> 32)});
  const std::uint64_t value = std::uint64_t{random[1]} << 32 | random[0];
  return static_cast<std::int64_t>(value % static_cast<std::uint64_t>(split_->tokens()));
}

void Sampler::fill(std::int64_t first, std::int64_t count, std::int64_t first_number,
                   Batch& batch) const {
  check_range(first, count);
  check_range(first_number, count);
  clear(batch);
  const std::int64_t length = options_.sequence_length;
  for (std::int64_t i = 0; i < count; ++i) {
    const Place place = place_of(first + i);
    if (!documents_) {
      append_sequence(*split_, shift_of(place.epoch) + place.window * length, length, batch);
      batch.numbers.push_back(first_number + i);
      continue;
    }
    std::int64_t filled = 0;
    documents_->for_each(*split_, place.window, [&](std::int64_t begin, std::int64_t tokens) {
      append_sequence(*split_, begin, tokens, batch);
      batch.numbers.push_back((first_number + i) * length + filled);
      filled += tokens;
    });
  }
}

std::int64_t Sampler::targets_in(std::int64_t first, std::int64_t count) const {
  check_range(first, count);
  if (!documents_) return count * options_.sequence_length;
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < count; ++i)
    sum += documents_->targets(*split_, place_of(first + i).window);
  return sum;
}

EvaluationWindows::EvaluationWindows(std::shared_ptr<const Split> split, SamplerOptions options,
                                     std::int64_t limit_tokens)
    : split_(std::move(split)), options_(options) {
  check_options(options_);
  if (limit_tokens < 0)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[data] the limit of evaluation tokens must not be negative, got {}",
                            limit_tokens));
  const std::int64_t length = options_.sequence_length;
  targets_ = stream_targets(*split_);
  if (options_.packing == Packing::documents) {
    documents_ = std::make_shared<const DocumentWindows>(*split_, length);
    windows_ = documents_->count();
  } else {
    windows_ = targets_ / length + (targets_ % length > 0 ? 1 : 0);
  }
  if (limit_tokens > 0)
    windows_ = std::min(windows_, std::max<std::int64_t>(1, limit_tokens / length));
}

void EvaluationWindows::check(std::int64_t first, std::int64_t count) const {
  check_range(first, count);
  if (first + count > windows_)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[data] evaluation windows [{}, {}) of {} do not exist", first,
                            first + count, windows_));
}

void EvaluationWindows::fill(std::int64_t first, std::int64_t count, Batch& batch) const {
  check(first, count);
  clear(batch);
  const std::int64_t length = options_.sequence_length;
  for (std::int64_t window = first; window < first + count; ++window) {
    if (documents_)
      documents_->for_each(*split_, window, [&](std::int64_t begin, std::int64_t tokens) {
        append_sequence(*split_, begin, tokens, batch);
      });
    else
      append_sequence(*split_, window * length, std::min(length, targets_ - window * length),
                      batch);
  }
}

std::int64_t EvaluationWindows::targets_in(std::int64_t first, std::int64_t count) const {
  check(first, count);
  const std::int64_t length = options_.sequence_length;
  if (!documents_)
    return std::min((first + count) * length, targets_) - std::min(first * length, targets_);
  std::int64_t sum = 0;
  for (std::int64_t window = first; window < first + count; ++window)
    sum += documents_->targets(*split_, window);
  return sum;
}

std::int64_t EvaluationWindows::text_bytes(
    const std::vector<std::uint32_t>& token_byte_counts) const {
  if (windows_ > 0 &&
      token_byte_counts.size() < static_cast<std::size_t>(split_->info().vocab_size))
    throw Error(ErrorCode::invalid_argument, "[data] a byte count is wanted for each id");
  std::int64_t sum = 0;
  Batch batch;
  for (std::int64_t window = 0; window < windows_; ++window) {
    fill(window, 1, batch);
    for (const std::int32_t target : batch.targets)
      sum += token_byte_counts[static_cast<std::size_t>(target)];
  }
  return sum;
}

}  // namespace stemma

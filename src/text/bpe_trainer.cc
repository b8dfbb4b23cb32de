#include "text/bpe_trainer.h"

#include <algorithm>
#include <array>
#include <mutex>

#include <fmt/format.h>

#include "base/error.h"
#include "text/training/pair_merger.h"
#include "text/unicode/byte_alphabet.h"
#include "text/unicode/lowercase.h"
#include "text/unicode/utf8.h"

namespace stemma {
namespace {

constexpr std::int32_t kBytes = 256;
constexpr std::int32_t kMaxVocab = 1 << 24;
constexpr std::size_t kMaxPending = 1 << 20;
// A worker takes so much text at a time.
constexpr std::size_t kTakenBytes = 64 << 10;
// What a distinct piece and each of its bytes take while pairs are merged, at most: the word, the
// places of its pairs, and pairs that are in no other piece (pair_merger.h).
constexpr std::uint64_t kMergeBytesOfPiece = 16, kMergeBytesOfByte = 24;

void check_options(const BpeTrainerOptions& options) {
  const auto& specials = options.special_tokens;
  const auto least = kBytes + static_cast<std::int64_t>(specials.size());
  if (options.vocab_size < least || options.vocab_size > kMaxVocab)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[bpe_trainer] vocab_size must be in [{}, {}] (256 bytes and {} special "
                    "tokens are always in), got {}",
                    least, kMaxVocab, specials.size(), options.vocab_size));
  bpe::check_special_names(specials, "bpe_trainer");
}

std::vector<std::string> byte_tokens() {
  std::vector<std::string> tokens;
  for (const std::uint8_t byte : unicode::byte_alphabet_order())
    tokens.emplace_back(1, static_cast<char>(byte));
  return tokens;
}

// tokens: the bytes, then what each merge made.
bpe::BpeVocabulary build_vocabulary(const std::vector<std::string>& tokens,
                                    const std::vector<bpe_training::PairMerger::Pair>& merges,
                                    const std::vector<std::string>& special_tokens) {
  bpe::VocabularyBuilder builder("bpe_trainer",
                                 {tokens.size() + special_tokens.size(), merges.size()});
  std::int64_t id = 0;
  for (const std::string& token : tokens) builder.add_token(token, id++);
  for (const auto& merge : merges) builder.add_merge(tokens[merge.left], tokens[merge.right]);
  for (const std::string& name : special_tokens) builder.add_special(name, id++);
  return builder.finish();
}

}  // namespace

BpeTrainer::BpeTrainer(BpeTrainerOptions options) : options_(std::move(options)) {
  check_options(options_);
  counter_ = std::make_unique<bpe_training::PieceCounter>(
      bpe_training::PieceCounter::Options{options_.memory_bytes / 2, options_.spill_folder});
  tally_ = std::make_unique<bpe_training::PieceTally>(*counter_);
}

std::string BpeTrainer::normalized(std::string_view text) const {
  return options_.lowercase ? unicode::lowercase(text) : std::string(text);
}

void BpeTrainer::add_text(std::string_view text) {
  partial_.append(text);
  const std::size_t whole = partial_.size() - unicode::incomplete_utf8_tail(partial_);
  pending_ += normalized(std::string_view(partial_).substr(0, whole));
  partial_.erase(0, whole);
  if (pending_.size() < wanted_bytes_) return;
  std::size_t counted = count_pieces(*tally_, pending_, options_.splitter->unstable_pieces());
  if (pending_.size() - counted > kMaxPending)
    counted += count_pieces(*tally_, std::string_view(pending_).substr(counted), 0);
  pending_.erase(0, counted);
  // What is left is split again when it has doubled, so small chunks take no more time than large.
  wanted_bytes_ = std::max(kTakenBytes, 2 * pending_.size());
}

void BpeTrainer::end_document() {
  pending_ += normalized(partial_);
  partial_.clear();
  count_pieces(*tally_, pending_, 0);
  pending_.clear();
  wanted_bytes_ = 0;
}

void BpeTrainer::add_document(std::string_view text) {
  end_document();
  count_document(*tally_, text);
}

void BpeTrainer::count_document(bpe_training::PieceTally& tally, std::string_view text) const {
  if (options_.lowercase)
    count_pieces(tally, normalized(text), 0);
  else
    count_pieces(tally, text, 0);
}

void BpeTrainer::add_documents(Workers& workers, const NextDocument& next) {
  end_document();
  std::mutex mutex;
  bool more = true;
  const auto take = [&](std::vector<std::string>& documents) {
    const std::lock_guard lock(mutex);
    std::size_t taken = 0;
    for (std::size_t bytes = 0; more && bytes < kTakenBytes;) {
      if (taken == documents.size()) documents.emplace_back();
      more = false;  // should it throw
      more = next(documents[taken]);
      if (more) bytes += documents[taken++].size();
    }
    return taken;
  };
  workers.run([&](int) {
    try {
      bpe_training::PieceTally tally(*counter_);
      std::vector<std::string> documents;
      while (const std::size_t taken = take(documents))
        for (std::size_t i = 0; i < taken; ++i) count_document(tally, documents[i]);
      tally.flush();
    } catch (...) {
      const std::lock_guard lock(mutex);
      more = false;  // the others need not go on
      throw;
    }
  });
}

std::size_t BpeTrainer::count_pieces(bpe_training::PieceTally& tally, std::string_view text,
                                     std::size_t held) const {
  // The last `held` ends stay at the front until more come.
  std::array<std::size_t, 256> ends;
  std::size_t begin = 0, counted = 0, waiting = 0;
  while (begin < text.size()) {
    const std::size_t found =
        waiting + options_.splitter->split(text, begin, std::span(ends).subspan(waiting));
    begin = ends[found - 1];
    const std::size_t certain = found - std::min(found, held);
    tally.add(text, counted, std::span(ends).first(certain));
    if (certain > 0) counted = ends[certain - 1];
    waiting = found - certain;
    std::copy_n(ends.begin() + static_cast<std::ptrdiff_t>(certain), waiting, ends.begin());
  }
  return counted;
}

// Gives the merger the pieces that it has memory for.
void BpeTrainer::fill(bpe_training::PairMerger& merger) {
  const auto classes = counter_->classes();
  std::uint64_t kept_pieces = 0, kept_bytes = 0;
  pieces_ = distinct_pieces_ = 0;
  dropped_ = {};
  for (auto same = classes.rbegin(); same != classes.rend(); ++same) {
    const auto& [count, found] = *same;
    pieces_ += count * found.pieces;
    distinct_pieces_ += found.pieces;
    const std::uint64_t cost = kMergeBytesOfPiece * (kept_pieces + found.pieces) +
                               kMergeBytesOfByte * (kept_bytes + found.bytes);
    if (cost > options_.memory_bytes && dropped_.pieces == 0) dropped_.min_count = count + 1;
    if (count >= dropped_.min_count) {
      kept_pieces += found.pieces;
      kept_bytes += found.bytes;
    } else {
      dropped_.distinct_pieces += found.pieces;
      dropped_.pieces += count * found.pieces;
    }
  }
  if (kept_pieces == 0 && pieces_ > 0)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[bpe_trainer] {} distinct pieces, none of them more frequent than the "
                            "others, do not fit into {} bytes of memory: allow more (memory_bytes)",
                            distinct_pieces_, options_.memory_bytes));
  merger.reserve(kept_pieces, kept_bytes);
  counter_->drain(dropped_.min_count, [&](std::string_view piece, std::uint64_t count) {
    merger.add_word(piece, count);
  });
}

std::shared_ptr<const bpe::BpeTokenizer> BpeTrainer::train(const Progress& progress) {
  end_document();
  tally_->flush();
  bpe_training::PairMerger merger;
  fill(merger);
  if (pieces_ == 0)
    throw Error(ErrorCode::invalid_argument, "[bpe_trainer] there is no text to train on");
  merger.start(options_.min_frequency);

  // Two merges never make the same token: a place where its bytes stand between token boundaries
  // had those boundaries all the time, so it went through the same merges as every other such
  // place, and all of them became the token at once.
  std::vector<std::string> tokens = byte_tokens();
  std::vector<bpe_training::PairMerger::Pair> merges;
  const std::int64_t wanted =
      options_.vocab_size - kBytes - static_cast<std::int64_t>(options_.special_tokens.size());
  for (std::int64_t done = 0; done < wanted;) {
    const auto pair = merger.best_pair();
    if (!pair) break;
    std::string token = tokens[pair->left] + tokens[pair->right];
    // A special token's name never becomes a token of text.
    if (std::ranges::find(options_.special_tokens, token) != options_.special_tokens.end())
      continue;
    merger.merge(*pair, static_cast<std::int32_t>(tokens.size()));
    tokens.push_back(std::move(token));
    merges.push_back(*pair);
    ++done;
    if (progress && done * 100 / wanted != (done - 1) * 100 / wanted && !progress(done, wanted))
      return nullptr;
  }
  bpe::BpeVocabulary vocabulary = build_vocabulary(tokens, merges, options_.special_tokens);
  vocabulary.lowercase = options_.lowercase;
  return bpe::make_bpe_tokenizer(std::move(vocabulary), *options_.splitter);
}

}  // namespace stemma

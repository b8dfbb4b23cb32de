#include "text/bpe_trainer.h"

#include <algorithm>
#include <array>
#include <deque>

#include <fmt/format.h>

#include "base/error.h"
#include "text/byte_alphabet.h"
#include "text/pair_merger.h"
#include "text/utf8.h"

namespace stemma {
namespace {

constexpr std::int32_t kBytes = 256;
constexpr std::int32_t kMaxVocab = 1 << 24;
constexpr std::size_t kMaxPending = 1 << 20;

void check_options(const BpeTrainerOptions& options) {
  const auto& specials = options.special_tokens;
  const auto least = kBytes + static_cast<std::int64_t>(specials.size());
  if (options.vocab_size < least || options.vocab_size > kMaxVocab)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[bpe_trainer] vocab_size must be in [{}, {}] (256 bytes and {} special "
                    "tokens are always in), got {}",
                    least, kMaxVocab, specials.size(), options.vocab_size));
  for (const std::string& name : specials) {
    if (name.size() < 2)
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("[bpe_trainer] a special token needs at least two bytes, got '{}'", name));
    if (std::ranges::count(specials, name) > 1)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[bpe_trainer] special token '{}' is there twice", name));
  }
}

std::vector<std::string> byte_tokens() {
  std::vector<std::string> tokens;
  for (const std::uint8_t byte : byte_alphabet_order())
    tokens.emplace_back(1, static_cast<char>(byte));
  return tokens;
}

// tokens: the bytes, then what each merge made.
BpeVocabulary build_vocabulary(const std::vector<std::string>& tokens,
                               const std::vector<PairMerger::Pair>& merges,
                               const std::vector<std::string>& special_tokens) {
  VocabularyBuilder builder("bpe_trainer", {tokens.size() + special_tokens.size(), merges.size()});
  std::int64_t id = 0;
  for (const std::string& token : tokens) builder.add_token(token, id++);
  for (const auto& merge : merges) builder.add_merge(tokens[merge.left], tokens[merge.right]);
  for (const std::string& name : special_tokens) builder.add_special(name, id++);
  return builder.finish();
}

}  // namespace

BpeTrainer::BpeTrainer(BpeTrainerOptions options) : options_(std::move(options)) {
  check_options(options_);
}

void BpeTrainer::add_text(std::string_view text) {
  pending_.append(text);
  const std::size_t whole = pending_.size() - incomplete_utf8_tail(pending_);
  const std::string_view text_so_far = std::string_view(pending_).substr(0, whole);
  std::size_t counted = count_pieces(text_so_far, gpt2_splitter().unstable_pieces());
  if (whole - counted > kMaxPending) counted += count_pieces(text_so_far.substr(counted), 0);
  pending_.erase(0, counted);
}

void BpeTrainer::end_document() {
  count_pieces(pending_, 0);
  pending_.clear();
}

void BpeTrainer::add_document(std::string_view text) {
  end_document();
  count_pieces(text, 0);
}

std::size_t BpeTrainer::count_pieces(std::string_view text, std::size_t held) {
  std::array<std::size_t, 256> ends;
  std::deque<std::size_t> waiting;  // ends of pieces that may be among the last
  std::size_t begin = 0, counted = 0;
  while (begin < text.size()) {
    const std::size_t found = gpt2_splitter().split(text, begin, ends);
    for (std::size_t i = 0; i < found; ++i) {
      waiting.push_back(ends[i]);
      if (waiting.size() <= held) continue;
      const std::string_view piece = text.substr(counted, waiting.front() - counted);
      counted = waiting.front();
      waiting.pop_front();
      auto word = words_.find(piece);
      if (word == words_.end()) {
        word = words_.try_emplace(std::string(piece), counts_.size()).first;
        order_.push_back(&word->first);
        counts_.push_back(0);
      }
      ++counts_[word->second];
      ++pieces_;
    }
    begin = ends[found - 1];
  }
  return counted;
}

std::shared_ptr<const BpeTokenizer> BpeTrainer::train(const Progress& progress) {
  end_document();
  if (pieces_ == 0)
    throw Error(ErrorCode::invalid_argument, "[bpe_trainer] there is no text to train on");
  PairMerger merger;
  for (std::size_t i = 0; i < order_.size(); ++i) merger.add_word(*order_[i], counts_[i]);
  merger.start();

  // Two merges never make the same token: a place where its bytes stand between token boundaries
  // had those boundaries all the time, so it went through the same merges as every other such
  // place, and all of them became the token at once.
  std::vector<std::string> tokens = byte_tokens();
  std::vector<PairMerger::Pair> merges;
  const std::int64_t wanted =
      options_.vocab_size - kBytes - static_cast<std::int64_t>(options_.special_tokens.size());
  for (std::int64_t done = 0; done < wanted;) {
    const auto pair = merger.best_pair(options_.min_frequency);
    if (!pair) break;
    std::string token = tokens[pair->left] + tokens[pair->right];
    // A special token's name never becomes a token of text.
    if (std::ranges::find(options_.special_tokens, token) != options_.special_tokens.end())
      continue;
    merger.merge(*pair, static_cast<std::int32_t>(tokens.size()));
    tokens.push_back(std::move(token));
    merges.push_back(*pair);
    ++done;
    if (progress && done * 100 / wanted != (done - 1) * 100 / wanted) progress(done, wanted);
  }
  return make_bpe_tokenizer(build_vocabulary(tokens, merges, options_.special_tokens),
                            gpt2_splitter());
}

}  // namespace stemma

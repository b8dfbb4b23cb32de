#include "text/token_count.h"

#include "base/error.h"
#include "text/split/scan.h"

namespace stemma {
namespace {

constexpr std::size_t kFirstBlockBytes = 64 << 10;

}  // namespace

TokenCounter::TokenCounter(const Tokenizer& tokenizer, StreamEncoder::Options options,
                           std::uint64_t limit_tokens)
    : tokenizer_(tokenizer), encoder_(tokenizer, options), limit_(limit_tokens) {
  if (limit_ != kNoLimit && !tokenizer.keeps_bytes())
    throw Error(ErrorCode::unsupported,
                "[tokenizer] a text cannot be cut after a number of tokens here, since this "
                "tokenizer cleans text before it encodes it; count without a limit");
}

// Counts the ids that have come.
void TokenCounter::take() {
  if (limit_ == kNoLimit) {
    count_.tokens += ids_.size();
  } else {
    for (const std::int32_t id : ids_) {
      if (count_.tokens == limit_) break;
      ++count_.tokens;
      count_.bytes += tokenizer_.bytes_of(id).size();
    }
  }
  ids_.clear();
}

bool TokenCounter::push(std::string_view chunk) {
  if (count_.tokens == limit_) return false;
  pushed_bytes_ += chunk.size();
  encoder_.push(chunk, ids_);
  take();
  return count_.tokens < limit_;
}

TokenCount TokenCounter::finish() {
  if (count_.tokens < limit_) {
    encoder_.finish(ids_);
    take();
  }
  if (limit_ == kNoLimit) count_.bytes = pushed_bytes_;
  return count_;
}

std::uint64_t count_tokens(const Tokenizer& tokenizer, std::string_view text) {
  TokenCounter counter(tokenizer, {});
  counter.push(text);
  return counter.finish().tokens;
}

TokenCount first_tokens(const Tokenizer& tokenizer, std::string_view text,
                        std::uint64_t limit_tokens) {
  // Small blocks: little more is encoded than is wanted.
  TokenCounter counter(tokenizer, {.block_bytes = kFirstBlockBytes}, limit_tokens);
  for (std::size_t begin = 0; begin < text.size(); begin += kFirstBlockBytes)
    if (!counter.push(text.substr(begin, kFirstBlockBytes))) break;
  return counter.finish();
}

void CharacterCounter::push(std::string_view chunk) {
  // A character that began in the last chunk ends in this one, or is none.
  while (!pending_.empty() && !chunk.empty()) {
    pending_ += chunk.front();
    chunk.remove_prefix(1);
    const std::size_t whole = pending_.size() - unicode::incomplete_utf8_tail(pending_);
    count(std::string_view(pending_).substr(0, whole));
    pending_.erase(0, whole);
  }
  const std::size_t whole = chunk.size() - unicode::incomplete_utf8_tail(chunk);
  count(chunk.substr(0, whole));
  pending_ += chunk.substr(whole);
}

void CharacterCounter::finish() {
  count(pending_);
  pending_.clear();
  in_word_ = false;
}

void CharacterCounter::count(std::string_view text) {
  for (std::size_t place = 0; place < text.size(); ++characters_) {
    const split::scan::Character c = split::scan::character_at(text, place);
    place += c.length > 0 ? c.length : 1;
    const bool space = c.length > 0 && c.kind == unicode::CharClass::space;
    if (!space && !in_word_) ++words_;
    in_word_ = !space;
  }
}

}  // namespace stemma

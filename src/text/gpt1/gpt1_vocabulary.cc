#include "text/gpt1/gpt1_vocabulary.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "text/unicode/utf8.h"

namespace stemma::gpt1 {
namespace {

constexpr std::string_view kUnknownName = "<unk>";

[[noreturn]] void fail_gpt1_vocabulary(const std::string& where, const std::string& what) {
  throw Error(ErrorCode::corrupt, fmt::format("[{}] {}", where, what));
}

// For messages: cut where it is long.
std::string shown_token(std::string_view token) {
  constexpr std::size_t kLongest = 40;
  if (token.size() <= kLongest) return fmt::format("'{}'", token);
  const std::string_view start = token.substr(0, kLongest);
  return fmt::format("'{}...' ({} bytes)",
                     start.substr(0, kLongest - unicode::incomplete_utf8_tail(start)),
                     token.size());
}

}  // namespace

Gpt1VocabularyBuilder::Gpt1VocabularyBuilder(const std::string& where, std::size_t tokens)
    : vocab_name_(where + "vocab.json"),
      merges_name_(where + "merges.txt"),
      id_limit_(static_cast<std::int64_t>(2 * tokens + 1024)) {
  vocabulary_.tokens.reserve(tokens);
  ids_.reserve(tokens);
}

void Gpt1VocabularyBuilder::add_token(std::string_view token, std::int64_t id) {
  lookup::TokenList& tokens = vocabulary_.tokens;
  if (token.empty())
    fail_gpt1_vocabulary(vocab_name_, fmt::format("the token of id {} is empty", id));
  if (id < 0 || id >= id_limit_)
    fail_gpt1_vocabulary(vocab_name_, fmt::format("the id of token {} must be in [0, {}), twice "
                                                  "the number of tokens, got {}",
                                                  shown_token(token), id_limit_, id));
  const auto place = static_cast<std::size_t>(id);
  if (place < tokens.size() && !tokens[place].empty())
    fail_gpt1_vocabulary(vocab_name_, fmt::format("id {} is given to two tokens, {} and {}", id,
                                                  shown_token(tokens[place]), shown_token(token)));
  if (!ids_.emplace(token, static_cast<std::int32_t>(id)).second)
    fail_gpt1_vocabulary(vocab_name_, fmt::format("token {} is there twice", shown_token(token)));
  tokens.set(place, token);
}

std::int32_t Gpt1VocabularyBuilder::id_of(std::string_view token, std::string_view left,
                                          std::string_view right) const {
  const auto found = ids_.find(token);
  if (found == ids_.end())
    fail_gpt1_vocabulary(
        merges_name_,
        fmt::format("merge {} ({} + {}) needs {}, which is no token of the vocabulary",
                    vocabulary_.merges.size(), shown_token(left), shown_token(right),
                    shown_token(token)));
  return found->second;
}

void Gpt1VocabularyBuilder::add_merge(std::string_view left, std::string_view right) {
  const bpe::BpeMerge merge{id_of(left, left, right), id_of(right, left, right),
                            id_of(std::string(left).append(right), left, right)};
  bool& known = merged_[lookup::pair_key(merge.left, merge.right)];
  if (known)
    fail_gpt1_vocabulary(merges_name_,
                         fmt::format("merge {} ({} + {}) is there twice", vocabulary_.merges.size(),
                                     shown_token(left), shown_token(right)));
  known = true;
  vocabulary_.merges.push_back(merge);
}

// Text yields what merges make, single characters and the ends of lines.
void Gpt1VocabularyBuilder::check_special(std::string_view name, std::int32_t id) const {
  char32_t c = 0;
  const std::string_view rest = name.substr(unicode::decode_utf8(name, c));
  if (rest.empty() || rest == kWordEnd || made_[static_cast<std::size_t>(id)])
    throw Error(ErrorCode::unsupported,
                fmt::format("[{}] special token {} (id {}) is also a token of ordinary text; text "
                            "must never yield a special token, so give it another name",
                            vocab_name_, shown_token(name), id));
}

Gpt1Vocabulary Gpt1VocabularyBuilder::finish(std::vector<std::string> special_names,
                                             std::string_view eos_name) {
  const auto unknown = ids_.find(kUnknownName);
  if (unknown == ids_.end())
    fail_gpt1_vocabulary(
        vocab_name_,
        fmt::format("it needs the token {}, for what the others cannot spell", kUnknownName));
  vocabulary_.unknown = unknown->second;
  made_.resize(vocabulary_.tokens.size());
  for (const bpe::BpeMerge& merge : vocabulary_.merges)
    made_[static_cast<std::size_t>(merge.result)] = true;
  special_names.emplace_back(kUnknownName);
  std::ranges::sort(special_names);
  special_names.erase(std::ranges::unique(special_names).begin(), special_names.end());
  for (const std::string& name : special_names) {
    const auto found = ids_.find(name);
    if (found == ids_.end()) continue;
    check_special(name, found->second);
    vocabulary_.special_tokens.emplace_back(name, found->second);
    if (name == eos_name && name != kUnknownName) vocabulary_.end_of_text = found->second;
  }
  std::ranges::sort(vocabulary_.special_tokens, {}, &std::pair<std::string, std::int32_t>::second);
  ids_.clear();
  merged_ = {};
  made_.clear();
  return std::exchange(vocabulary_, {});
}

}  // namespace stemma::gpt1

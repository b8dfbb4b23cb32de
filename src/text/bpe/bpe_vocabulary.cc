#include "text/bpe/bpe_vocabulary.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "base/error.h"
#include "text/unicode/byte_alphabet.h"
#include "text/unicode/utf8.h"

namespace stemma::bpe {
namespace {

[[noreturn]] void fail(const std::string& where, const std::string& what) {
  throw Error(ErrorCode::corrupt, fmt::format("[{}] {}", where, what));
}

// For messages: the letters that files use, cut where it is long.
std::string shown(std::string_view bytes) {
  constexpr std::size_t kLongest = 40;
  std::string text = unicode::to_byte_alphabet(bytes.substr(0, kLongest));
  return bytes.size() > kLongest ? fmt::format("'{}...' ({} bytes)", text, bytes.size())
                                 : fmt::format("'{}'", text);
}

bool is_plain_text(std::uint8_t byte) {
  return (byte >= 0x20 && byte < 0x7F) || byte == '\n' || byte == '\t';
}

}  // namespace

std::vector<bool> BpeVocabulary::special_ids() const {
  std::vector<bool> special(tokens.size());
  for (const auto& [name, id] : special_tokens) special[static_cast<std::size_t>(id)] = true;
  return special;
}

std::string_view BpeVocabulary::flag_of_special(std::int32_t id) const {
  const auto found = special_flags.find(id);
  if (found == special_flags.end()) return {};
  const SpecialFlags& flags = found->second;
  return flags.lstrip                    ? "lstrip"
         : flags.rstrip                  ? "rstrip"
         : flags.single_word             ? "single_word"
         : flags.normalized && lowercase ? "normalized"
                                         : "";
}

void check_special_names(const std::vector<std::string>& names, std::string_view where) {
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorCode::invalid_argument, fmt::format("[{}] {}", where, what));
  };
  for (const std::string& name : names) {
    if (name.size() < 2)
      refuse(fmt::format("a special token needs at least two bytes, got '{}'", name));
    if (!unicode::is_valid_utf8(name))
      refuse(fmt::format("special token '{}' is not UTF-8, as its files are", name));
    if (std::ranges::count(names, name) > 1)
      refuse(
          fmt::format("special token '{}' is there twice; those that every vocabulary has need "
                      "not be named",
                      name));
  }
}

std::vector<BpeMerge> listed_merges(const BpeVocabulary& vocabulary) {
  if (!vocabulary.by_tokens) return vocabulary.merges;
  const lookup::TokenList& tokens = vocabulary.tokens;
  lookup::TokenTable index(tokens.size());
  const std::vector<bool> special = vocabulary.special_ids();
  for (std::size_t id = 0; id < tokens.size(); ++id)
    if (!special[id] && !tokens[id].empty())
      index.insert(tokens[id], static_cast<std::int32_t>(id));

  std::vector<BpeMerge> merges;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (special[id]) continue;
    const std::string_view token = tokens[id];
    const auto first = static_cast<std::ptrdiff_t>(merges.size());
    for (std::size_t cut = 1; cut < token.size(); ++cut) {
      const std::int32_t left = index.find(token.substr(0, cut));
      if (left < 0) continue;
      const std::int32_t right = index.find(token.substr(cut));
      if (right >= 0) merges.push_back({left, right, static_cast<std::int32_t>(id)});
    }
    // As transformers orders them when it converts tiktoken's files.
    std::sort(merges.begin() + first, merges.end(), [](const BpeMerge& a, const BpeMerge& b) {
      return std::pair(a.left, a.right) < std::pair(b.left, b.right);
    });
  }
  return merges;
}

std::map<std::string, std::int32_t> roles_of(const BpeVocabulary& vocabulary,
                                             const std::map<std::string, std::string>& names) {
  std::map<std::string, std::int32_t> roles;
  for (const auto& [role, wanted] : names) {
    for (const auto& [name, id] : vocabulary.special_tokens)
      if (name == wanted) roles[role] = id;
    const std::optional<std::string> bytes = unicode::from_byte_alphabet(wanted);
    for (std::size_t id = 0; bytes && !roles.contains(role) && id < vocabulary.tokens.size(); ++id)
      if (vocabulary.tokens[id] == *bytes) roles[role] = static_cast<std::int32_t>(id);
  }
  return roles;
}

std::optional<std::int32_t> id_of_role(const BpeVocabulary& vocabulary, bool wanted,
                                       const std::string& role) {
  const auto found = vocabulary.roles.find(role);
  if (!wanted || found == vocabulary.roles.end()) return std::nullopt;
  return found->second;
}

std::optional<std::int32_t> separator_of(
    const std::vector<std::pair<std::string, std::int32_t>>& special_tokens,
    std::string_view eos_name) {
  std::optional<std::int32_t> separator;
  for (const std::string_view wanted : {std::string_view("<|endoftext|>"), eos_name})
    for (const auto& [name, id] : special_tokens)
      if (name == wanted) separator = id;
  return separator;
}

VocabularyBuilder::VocabularyBuilder(std::string where, Sizes sizes)
    : where_(std::move(where)),
      id_limit_(static_cast<std::int64_t>(2 * sizes.tokens + 1024)),
      index_(sizes.tokens) {
  vocabulary_.tokens.reserve(sizes.tokens);
  vocabulary_.merges.reserve(sizes.merges);
  merged_.reserve(sizes.merges);
}

std::int32_t VocabularyBuilder::checked_id(std::string_view token, std::int64_t id) const {
  if (id < 0 || id >= id_limit_)
    fail(where_, fmt::format("the id of token {} must be in [0, {}), twice the number of tokens, "
                             "got {}",
                             shown(token), id_limit_, id));
  return static_cast<std::int32_t>(id);
}

void VocabularyBuilder::store(std::string_view bytes, std::int32_t id) {
  lookup::TokenList& tokens = vocabulary_.tokens;
  if (bytes.empty()) fail(where_, fmt::format("the token of id {} is empty", id));
  if (static_cast<std::size_t>(id) < tokens.size() && !tokens[id].empty())
    fail(where_, fmt::format("id {} is given to two tokens, {} and {}", id, shown(tokens[id]),
                             shown(bytes)));
  const std::int32_t known = index_.find(bytes);
  if (known >= 0)
    fail(where_, fmt::format("token {} has two ids, {} and {}", shown(bytes), known, id));
  tokens.set(static_cast<std::size_t>(id), bytes);
  index_.insert(bytes, id);
}

void VocabularyBuilder::add_token(std::string_view bytes, std::int64_t id) {
  store(bytes, checked_id(bytes, id));
}

void VocabularyBuilder::add_special(std::string_view name, std::int64_t id) {
  const std::int32_t checked = checked_id(name, id);
  if (index_.find(name) == checked)
    also_ordinary_.push_back(checked);
  else
    store(name, checked);
  if (is_special(checked))
    fail(where_, fmt::format("special token {} is given twice", shown(name)));
  if (static_cast<std::size_t>(checked) >= is_special_.size())
    is_special_.resize(static_cast<std::size_t>(checked) + 1);
  is_special_[static_cast<std::size_t>(checked)] = true;
  vocabulary_.special_tokens.emplace_back(name, checked);
}

bool VocabularyBuilder::is_special(std::int32_t id) const {
  return static_cast<std::size_t>(id) < is_special_.size() &&
         is_special_[static_cast<std::size_t>(id)];
}

void VocabularyBuilder::add_added(std::string_view name, std::int64_t id) {
  const std::int32_t checked = checked_id(name, id);
  if (index_.find(name) != checked) store(name, checked);
  vocabulary_.added_tokens.emplace_back(name, checked);
}

void VocabularyBuilder::add_named_specials(std::span<const std::string> names) {
  const bool any_token = vocabulary_.by_tokens || vocabulary_.whole_pieces;
  std::vector<bool> from_text = reachable_ids();
  for (const auto& [name, id] : vocabulary_.added_tokens)
    from_text[static_cast<std::size_t>(id)] = true;
  for (const std::string& name : names) {
    if (name.empty()) continue;
    const std::int32_t known = index_.find(name);
    if (known < 0)
      add_special(name, static_cast<std::int64_t>(vocabulary_.tokens.size()));
    else if (!any_token && !is_special(known) &&
             static_cast<std::size_t>(known) < from_text.size() &&
             !from_text[static_cast<std::size_t>(known)])
      add_special(name, known);
  }
}

void VocabularyBuilder::add_merge(std::string_view left, std::string_view right) {
  const std::size_t rank = vocabulary_.merges.size();
  const auto id_of = [&](std::string_view token) {
    const std::int32_t id = index_.find(token);
    if (id < 0)
      fail(where_, fmt::format("merge {} ({} + {}) names {}, which is no token of the vocabulary",
                               rank, shown(left), shown(right), shown(token)));
    return id;
  };
  result_.assign(left).append(right);
  const BpeMerge merge{id_of(left), id_of(right), id_of(result_)};
  bool& known = merged_[lookup::pair_key(merge.left, merge.right)];
  if (known)
    fail(where_, fmt::format("merge {} ({} + {}) is there twice", rank, shown(left), shown(right)));
  known = true;
  vocabulary_.merges.push_back(merge);
}

std::vector<bool> VocabularyBuilder::reachable_ids() const {
  std::vector<bool> reachable(vocabulary_.tokens.size());
  for (std::size_t id = 0; id < reachable.size(); ++id)
    reachable[id] = vocabulary_.tokens[id].size() == 1;
  for (const BpeMerge& merge : vocabulary_.merges) reachable[merge.result] = true;
  return reachable;
}

std::vector<std::int32_t> VocabularyBuilder::unreachable_tokens() const {
  std::vector<bool> reachable = reachable_ids();
  for (const auto* list : {&vocabulary_.special_tokens, &vocabulary_.added_tokens})
    for (const auto& [name, id] : *list) reachable[static_cast<std::size_t>(id)] = true;
  std::vector<std::int32_t> unreachable;
  for (std::size_t id = 0; id < reachable.size(); ++id)
    if (!reachable[id] && !vocabulary_.tokens[id].empty())
      unreachable.push_back(static_cast<std::int32_t>(id));
  return unreachable;
}

BpeVocabulary VocabularyBuilder::finish() {
  for (const std::uint8_t byte : unicode::byte_alphabet_order()) {
    const std::string token(1, static_cast<char>(byte));
    if (index_.find(token) >= 0) continue;
    vocabulary_.missing_bytes += token;
    if (!allows_missing_bytes_ || is_plain_text(byte))
      fail(where_,
           fmt::format("the token of byte {:#04x}, {}, is missing: byte-level BPE needs all {}",
                       byte, shown(token),
                       allows_missing_bytes_ ? "bytes of plain text" : "256 bytes"));
  }
  const std::vector<bool> reachable = reachable_ids();
  const bool any_token = vocabulary_.by_tokens || vocabulary_.whole_pieces;
  std::ranges::sort(also_ordinary_);
  for (const auto& [name, id] : vocabulary_.special_tokens)
    if (reachable[id] || (any_token && std::ranges::binary_search(also_ordinary_, id)))
      throw Error(
          ErrorCode::unsupported,
          fmt::format("[{}] special token {} (id {}) is also a token of ordinary text; text "
                      "must never yield a special token, so give it another name",
                      where_, shown(name), id));
  for (auto* list : {&vocabulary_.special_tokens, &vocabulary_.added_tokens})
    std::ranges::sort(*list, {}, &std::pair<std::string, std::int32_t>::second);
  index_ = lookup::TokenTable();
  merged_ = {};
  return std::exchange(vocabulary_, {});
}

}  // namespace stemma::bpe

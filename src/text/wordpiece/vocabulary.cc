#include "text/wordpiece/vocabulary.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "text/unicode/utf8.h"

namespace stemma::wordpiece {

Frame bert_frame(std::int32_t cls, std::int32_t sep) {
  using Kind = FramePart::Kind;
  Frame frame;
  frame.single = {{Kind::special, {cls}, 0}, {Kind::first, {}, 0}, {Kind::special, {sep}, 0}};
  frame.pair = frame.single;
  frame.pair.push_back({Kind::second, {}, 1});
  frame.pair.push_back({Kind::special, {sep}, 1});
  return frame;
}

std::string_view Vocabulary::flag_of_special(std::int32_t id) const {
  const auto found = special_flags.find(id);
  if (found == special_flags.end()) return {};
  const bpe::SpecialFlags& flags = found->second;
  return flags.lstrip        ? "lstrip"
         : flags.rstrip      ? "rstrip"
         : flags.single_word ? "single_word"
         : flags.normalized  ? "normalized"
                             : "";
}

VocabularyBuilder::VocabularyBuilder(std::string where, std::size_t tokens)
    : where_(std::move(where)), id_limit_(2 * static_cast<std::int64_t>(tokens) + 1024) {
  vocabulary_.tokens.reserve(tokens);
  index_.reserve(tokens);
}

void VocabularyBuilder::fail(const std::string& what) const {
  throw Error(ErrorCode::corrupt, fmt::format("[{}] {}", where_, what));
}

std::int32_t VocabularyBuilder::find(std::string_view token) const {
  const auto found = index_.find(token);
  return found == index_.end() ? -1 : found->second;
}

bool VocabularyBuilder::has_id(std::int64_t id) const {
  return id >= 0 && id < static_cast<std::int64_t>(vocabulary_.tokens.size()) &&
         !vocabulary_.tokens[static_cast<std::size_t>(id)].empty();
}

bool VocabularyBuilder::is_special(std::string_view token) const {
  return specials_.find(token) != specials_.end();
}

std::int64_t VocabularyBuilder::next_id() const {
  return static_cast<std::int64_t>(vocabulary_.tokens.size());
}

void VocabularyBuilder::add_token(std::string_view token, std::int64_t id) {
  if (token.empty()) fail(fmt::format("the token with id {} is empty", id));
  if (!unicode::is_valid_utf8(token))
    fail(fmt::format("the token with id {} is not UTF-8; save the file as UTF-8", id));
  if (id < 0 || id >= id_limit_)
    fail(fmt::format("token '{}' has id {}, which must be from 0 to {}", token, id, id_limit_ - 1));
  if (const std::int32_t other = find(token); other >= 0)
    fail(fmt::format("token '{}' has two ids, {} and {}", token, other, id));
  if (has_id(id))
    fail(fmt::format("id {} has two tokens, '{}' and '{}'", id,
                     vocabulary_.tokens[static_cast<std::size_t>(id)], token));
  vocabulary_.tokens.set(static_cast<std::size_t>(id), token);
  index_.emplace(token, static_cast<std::int32_t>(id));
}

void VocabularyBuilder::add_special(std::string_view name, std::int64_t id,
                                    const bpe::SpecialFlags& flags) {
  if (find(name) != id) add_token(name, id);
  const auto number = static_cast<std::int32_t>(id);
  if (!specials_.emplace(name, number).second)
    fail(fmt::format("special token '{}' is there twice", name));
  if (flags != bpe::SpecialFlags()) vocabulary_.special_flags[number] = flags;
}

Vocabulary VocabularyBuilder::finish(Options options, SpecialNames names) {
  std::string missing;
  const auto id_of = [&](const std::string& name) {
    const std::int32_t id = find(name);
    if (id < 0) missing += (missing.empty() ? "" : ", ") + name;
    if (id >= 0) specials_.emplace(name, id);
    return id;
  };
  vocabulary_.pad = id_of(names.pad);
  vocabulary_.unknown = id_of(names.unknown);
  vocabulary_.cls = id_of(names.cls);
  vocabulary_.sep = id_of(names.sep);
  vocabulary_.mask = id_of(names.mask);
  if (!missing.empty())
    fail(
        fmt::format("this WordPiece vocabulary of {} tokens lacks the special tokens {}; add them "
                    "to the vocabulary, or name those that it has in tokenizer_config.json",
                    index_.size(), missing));
  if (const auto end = specials_.find(names.end); end != specials_.end())
    vocabulary_.end_of_text = end->second;
  else
    names.end.clear();
  vocabulary_.special_tokens.assign(specials_.begin(), specials_.end());
  std::ranges::sort(vocabulary_.special_tokens, {}, &std::pair<std::string, std::int32_t>::second);
  vocabulary_.frame = bert_frame(vocabulary_.cls, vocabulary_.sep);
  vocabulary_.options = std::move(options);
  vocabulary_.names = std::move(names);
  index_.clear();
  specials_.clear();
  return std::move(vocabulary_);
}

}  // namespace stemma::wordpiece

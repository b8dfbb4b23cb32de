#include "text/wordpiece/tokenizer.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "text/bpe/reserve_ids.h"
#include "text/wordpiece/files.h"

namespace stemma::wordpiece {
namespace {

// Linear also where a token of a damaged file is huge.
std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string result;
  for (std::size_t at = 0; (at = text.find(from)) != text.npos;) {
    result.append(text.substr(0, at)).append(to);
    text.remove_prefix(at + from.size());
  }
  return result.append(text);
}

// The replacements of the decoder's `cleanup`, in its order. It works on one token with the space
// before it, so those with a space behind find nothing unless a token has a space in it.
std::string cleaned_up(std::string text) {
  constexpr std::pair<std::string_view, std::string_view> kReplacements[] = {
      {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  if (text.find(' ') == text.npos) return text;
  for (const auto& [from, to] : kReplacements) text = replaced(text, from, to);
  return text;
}

std::size_t character_count(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char byte) { return (byte & 0xC0) != 0x80; }));
}

}  // namespace

WordPieceTokenizer::WordPieceTokenizer(Vocabulary vocabulary, const std::string& where)
    : vocabulary_(std::move(vocabulary)), is_special_(vocabulary_.tokens.size()) {
  const lookup::TokenList& tokens = vocabulary_.tokens;
  const std::string& prefix = vocabulary_.options.prefix;
  std::vector<PieceTrie::Piece> begin, go_on;
  spaced_.reserve(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string_view token = tokens[i];
    if (token.empty()) continue;
    const bool goes_on = token.starts_with(prefix);
    const std::string_view rest = token.substr(goes_on ? prefix.size() : 0);
    std::string text = (goes_on ? "" : " ") + std::string(rest);
    spaced_.set(i, vocabulary_.options.cleanup ? cleaned_up(std::move(text)) : text);
    if (character_count(token) <= vocabulary_.options.longest_word)
      begin.emplace_back(token, static_cast<std::int32_t>(i));
    if (goes_on && !rest.empty() && character_count(rest) < vocabulary_.options.longest_word)
      go_on.emplace_back(rest, static_cast<std::int32_t>(i));
  }
  begins_ = PieceTrie(std::move(begin));
  goes_on_ = PieceTrie(std::move(go_on));
  for (const auto& [name, id] : vocabulary_.special_tokens)
    is_special_[static_cast<std::size_t>(id)] = true;
  check_specials(where);
}

void WordPieceTokenizer::check_specials(const std::string& where) const {
  for (const auto& [name, id] : vocabulary_.special_tokens) {
    std::vector<std::int32_t> ids;
    if (id != vocabulary_.unknown) encode(name, ids);
    if (std::ranges::find(ids, id) != ids.end() || name.starts_with(vocabulary_.options.prefix))
      throw Error(ErrorCode::unsupported,
                  fmt::format("[{}] the text '{}' would be the special token with id {}; give that "
                              "token a name in brackets, such as [{}]",
                              where, name, id, name));
  }
}

void WordPieceTokenizer::encode(std::string_view text, std::vector<std::int32_t>& ids) const {
  const std::size_t longest = vocabulary_.options.longest_word;
  bpe::reserve_ids(text, ids);
  WordCutter cutter(vocabulary_.options.text, longest,
                    [&](std::string_view word, std::size_t characters) {
                      if (characters > longest)
                        ids.push_back(vocabulary_.unknown);
                      else
                        encode_word(word, ids);
                    });
  cutter.cut(text);
}

void WordPieceTokenizer::encode_word(std::string_view word, std::vector<std::int32_t>& ids) const {
  const std::size_t before = ids.size();
  PieceTrie::Match match = begins_.longest(word);
  for (;;) {
    if (match.size == 0) {
      ids.resize(before);
      return ids.push_back(vocabulary_.unknown);
    }
    ids.push_back(match.id);
    word.remove_prefix(match.size);
    if (word.empty()) return;
    match = goes_on_.longest(word);
  }
}

std::string_view WordPieceTokenizer::bytes_of(std::int32_t id) const {
  const std::string_view token = token_of(vocabulary_.tokens, id);
  const auto i = static_cast<std::size_t>(id);
  return is_special_[i] || spaced_[i].empty() ? token : spaced_[i];
}

void WordPieceTokenizer::decode(std::span<const std::int32_t> ids, std::string& text) const {
  bool first = true;
  for (const std::int32_t id : ids) {
    const std::string_view token = token_of(vocabulary_.tokens, id);
    if (!first)
      text += spaced_[static_cast<std::size_t>(id)];
    else if (vocabulary_.options.cleanup)
      text += cleaned_up(std::string(token));
    else
      text += token;
    first = false;
  }
}

Framed WordPieceTokenizer::frame(std::span<const std::int32_t> first) const {
  return framed(vocabulary_.frame.single, first, {});
}

Framed WordPieceTokenizer::frame(std::span<const std::int32_t> first,
                                 std::span<const std::int32_t> second) const {
  return framed(vocabulary_.frame.pair, first, second);
}

void WordPieceTokenizer::save(const std::filesystem::path& folder) const {
  save_hugging_face(vocabulary_, folder);
}

}  // namespace stemma::wordpiece

#include "text/char_trainer.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "text/unicode/utf8.h"

namespace stemma {

CharTrainer::CharTrainer(CharTrainerOptions options)
    : options_(std::move(options)), counts_(0x110000) {
  const auto least = 256 + static_cast<std::int64_t>(options_.special_tokens.size());
  if (options_.vocab_size < least)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[char_trainer] vocab_size must be at least {} (256 bytes and {} special "
                    "tokens are always in), got {}",
                    least, options_.special_tokens.size(), options_.vocab_size));
  bpe::check_special_names(options_.special_tokens, "char_trainer");
}

void CharTrainer::add_document(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    char32_t character = 0;
    const std::size_t length = unicode::decode_utf8(text.substr(at), character);
    if (length > 1) ++counts_[character];
    at += std::max<std::size_t>(length, 1);
  }
}

std::size_t CharTrainer::distinct_characters() const {
  return counts_.size() - static_cast<std::size_t>(std::ranges::count(counts_, 0u));
}

std::shared_ptr<const characters::CharTokenizer> CharTrainer::train() const {
  std::vector<char32_t> characters;
  for (char32_t c = 0; c < counts_.size(); ++c)
    if (counts_[c] >= std::max<std::uint64_t>(options_.min_frequency, 1)) characters.push_back(c);
  std::ranges::stable_sort(characters, std::ranges::greater(),
                           [&](char32_t c) { return counts_[c]; });
  const auto room =
      static_cast<std::size_t>(options_.vocab_size) - 256 - options_.special_tokens.size();
  characters.resize(std::min(characters.size(), room));

  bpe::VocabularyBuilder builder(
      "char_trainer", {.tokens = 256 + characters.size() + options_.special_tokens.size()});
  std::int64_t id = 0;
  for (; id < 256; ++id) builder.add_token(std::string(1, static_cast<char>(id)), id);
  for (const char32_t c : characters) builder.add_token(unicode::to_utf8(c), id++);
  for (const std::string& name : options_.special_tokens) builder.add_special(name, id++);
  return std::make_shared<characters::CharTokenizer>(builder.finish());
}

}  // namespace stemma

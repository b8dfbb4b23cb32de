#include "text/characters/char_tokenizer.h"

#include <fmt/format.h>

#include "base/error.h"
#include "text/characters/char_json.h"
#include "text/characters/vocab_txt.h"
#include "text/files/text_file.h"
#include "text/unicode/utf8.h"

namespace stemma::characters {

CharTokenizer::CharTokenizer(bpe::BpeVocabulary vocabulary, std::string_view eos_name)
    : end_of_text_(bpe::separator_of(vocabulary.special_tokens, eos_name)) {
  const std::vector<bool> special = vocabulary.special_ids();
  tokens_ = std::move(vocabulary.tokens);
  special_tokens_ = std::move(vocabulary.special_tokens);
  for (std::size_t place = 0; place < tokens_.size(); ++place) {
    const std::string_view token = tokens_[place];
    if (special[place] || token.empty()) continue;
    const auto id = static_cast<std::int32_t>(place);
    if (token.size() == 1) {
      id_of_byte_[static_cast<unsigned char>(token[0])] = id;
      continue;
    }
    char32_t character = 0;
    unicode::decode_utf8(token, character);
    if (id_of_character_.size() <= character) id_of_character_.resize(character + 1, -1);
    id_of_character_[character] = id;
  }
}

void CharTokenizer::encode(std::string_view text, std::vector<std::int32_t>& ids) const {
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    char32_t character = 0;
    const std::size_t length = byte < 0x80 ? 0 : unicode::decode_utf8(text.substr(at), character);
    if (length > 0 && character < id_of_character_.size() && id_of_character_[character] >= 0) {
      ids.push_back(id_of_character_[character]);
      at += length;
    } else {
      ids.push_back(id_of_byte_[byte]);
      ++at;
    }
  }
}

std::string_view CharTokenizer::bytes_of(std::int32_t id) const {
  return lookup::token_of(tokens_, id);
}

void CharTokenizer::save(const std::filesystem::path& folder) const {
  save_char_json(*this, folder);
  tokenizer_files::remove_other_tokenizer_files(folder, {"tokenizer.json"});
  try {
    save_vocab_txt(*this, folder / "vocab.txt");
  } catch (const Error& error) {  // tokenizer.json holds what lines cannot: "[PAD]", gaps
    if (error.code() != ErrorCode::unsupported) throw;
  }
}

std::shared_ptr<const CharTokenizer> byte_tokenizer() {
  bpe::VocabularyBuilder builder("bytes", {.tokens = 257});
  for (std::int64_t byte = 0; byte < 256; ++byte)
    builder.add_token(std::string(1, static_cast<char>(byte)), byte);
  builder.add_special("<|endoftext|>", 256);
  return std::make_shared<CharTokenizer>(builder.finish());
}

}  // namespace stemma::characters

// Reads and writes character tokenizers as Hugging Face's tokenizer.json. In that format they are a
// BPE model without merges, without a splitter, and with byte fallback, so that every character is
// a token.
//
//   if (is_char_json(root)) tokenizer = read_char_json(root, "tokenizer.json");
//   save_char_json(*tokenizer, "folder");
//
// The vocabulary has characters as they are and bytes from 0x80 on as "<0x80>". transformers gives
// the same ids for every valid text. Any thread.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "text/characters/char_tokenizer.h"

namespace stemma {
class Json;
}

namespace stemma::characters {

// Whether a tokenizer.json is of this kind. Throws nothing but corrupt.
bool is_char_json(const Json& root);

// Throws corrupt for what contradicts itself and unsupported for what would give other ids here (a
// token of several characters, a normalizer, tokens matched inside text, no ids for some bytes).
std::shared_ptr<const CharTokenizer> read_char_json(const Json& root, const std::string& where,
                                                    std::string_view eos_name = {});

// tokenizer.json, tokenizer_config.json and special_tokens_map.json, each whole or absent. Throws
// device.
void save_char_json(const CharTokenizer& tokenizer, const std::filesystem::path& folder);

}  // namespace stemma::characters

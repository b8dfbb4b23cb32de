// What the files beside a vocabulary say of it: tokenizer_config.json, special_tokens_map.json,
// added_tokens.json and chat_template.jinja, as transformers 5 reads them. docs/formats.md has the
// table of their keys.
//
//   const FolderSettings settings = read_folder_settings("models/smollm2");
//   settings.roles.at("eos_token");       // "<|im_end|>"
//
// Parsers take any bytes and throw corrupt for what is damaged. Any thread. Private to text/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/bpe/bpe_vocabulary.h"
#include "text/lookup/string_map.h"

namespace stemma::tokenizer_files {

// A token that is matched in text before that is split. Not special: in any text.
struct AddedToken {
  std::string name;
  std::int64_t id = 0;
  bool special = true;
  bpe::SpecialFlags flags;
};

struct FolderSettings {
  std::string eos;                           // separates documents; empty: <|endoftext|>, if there
  std::vector<std::string> special;          // every name of a special token
  std::map<std::string, std::string> roles;  // "bos_token" and the like
  std::vector<AddedToken> added;             // of added_tokens_decoder, else of added_tokens.json
  // add_bos_token and add_eos_token, which count where there is no tokenizer.json, whose
  // post-processor goes before them; and add_prefix_space, where it is given.
  bool adds_bos = false, adds_eos = false;
  std::optional<bool> adds_space;
  std::string tokenizer_class;  // "GPT2Tokenizer"; empty: not given
  std::string chat_template;    // Jinja; empty: none
  Json kept = Json::object();   // the other keys of tokenizer_config.json, for copies
};

// What a folder's files say; a file that is missing says nothing.
FolderSettings read_folder_settings(const std::filesystem::path& folder);

// Of one of the two files of names; what it says goes before what `settings` has. The keys of
// special_tokens_map.json are all names.
enum class SettingsFile : std::uint8_t { special_tokens_map, tokenizer_config };
void add_settings(std::string_view text, const std::string& where, SettingsFile file,
                  FolderSettings& settings);
// Of added_tokens.json: names and ids. Special are those that `settings` names so already.
void add_added_tokens(std::string_view text, const std::string& where, FolderSettings& settings);

// An entry of added_tokens in a tokenizer.json, or of added_tokens_decoder, which has its id as a
// key.
AddedToken added_token_of(const Json& token, std::int64_t id);

// Throws unsupported, starting with [where], where the token is matched in any text and has a flag
// that changes what is beside it.
void check_flags(const AddedToken& token, const std::string& where);

using AddedTokens = lookup::StringMap<AddedToken>;  // by name
// Between a vocabulary's tokens and its merges.
void add_tokens(const AddedTokens& tokens, bpe::VocabularyBuilder& builder);
// Of the special ones.
void set_flags(const AddedTokens& tokens, bpe::BpeVocabulary& vocabulary);

// FolderSettings::special in the order in which transformers gives ids to those that have none:
// bos, eos, unk, sep, pad, cls and mask first.
std::vector<std::string> special_names_in_order(const FolderSettings& settings);

// What a tokenizer.json says of padding and tokenizer_config.json does not, for copies.
void keep_padding(const Json& tokenizer_json, FolderSettings& settings);

// What a copy keeps, and every role: for vocabularies that have no place for some of them.
Json kept_with_roles(const FolderSettings& settings);
// Adds to a tokenizer_config.json what a copy keeps: the keys that `config` does not have.
void add_kept(const Json& kept, Json& config);

}  // namespace stemma::tokenizer_files

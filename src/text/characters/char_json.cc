#include "text/characters/char_json.h"

#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "text/characters/vocab_txt.h"
#include "text/files/json_error.h"
#include "text/lookup/string_map.h"
#include "text/unicode/utf8.h"

namespace stemma::characters {
namespace {

[[noreturn]] void refuse_char_json(const std::string& where, const std::string& what) {
  throw Error(
      ErrorCode::unsupported,
      fmt::format("[{}] {}; of models without merges only those with a token for every byte "
                  "and for single characters can be read",
                  where, what));
}

bool is_absent(const Json& root, const char* key) {
  const Json* value = root.find(key);
  return value == nullptr || value->is_null();
}

// What the decoder may be: the names of bytes to bytes, then all in one text.
bool joins_bytes(const Json& root) {
  if (is_absent(root, "decoder")) return true;
  const Json& decoder = root.at("decoder");
  if (decoder.get("type", "") == "ByteFallback") return true;
  if (decoder.get("type", "") != "Sequence") return false;
  for (const Json& step : decoder.at("decoders").as_array())
    if (step.get("type", "") != "ByteFallback" && step.get("type", "") != "Fuse") return false;
  return true;
}

// (name, id); every added token must be special.
lookup::StringMap<std::int64_t> added_specials(const Json& root, const std::string& where) {
  lookup::StringMap<std::int64_t> specials;
  if (is_absent(root, "added_tokens")) return specials;
  for (const Json& token : root.at("added_tokens").as_array()) {
    const std::string& name = token.at("content").as_string();
    if (!token.get("special", false))
      refuse_char_json(where, fmt::format("added token '{}' is not special: it would be matched "
                                          "inside text",
                                          name));
    if (!specials.try_emplace(name, token.at("id").as_int()).second)
      throw Error(ErrorCode::corrupt,
                  fmt::format("[{}] added token '{}' is there twice", where, name));
  }
  return specials;
}

bpe::BpeVocabulary read_vocabulary(const Json& root, const std::string& where) {
  const Json::Object& vocab = root.at("model").at("vocab").as_object();
  const lookup::StringMap<std::int64_t> specials = added_specials(root, where);
  bpe::VocabularyBuilder builder(where, {.tokens = vocab.size() + specials.size()});
  for (const auto& [token, value] : vocab) {
    const std::int64_t id = value.as_int();
    const auto special = specials.find(token);
    if (special != specials.end()) {
      if (special->second != id)
        throw Error(
            ErrorCode::corrupt,
            fmt::format("[{}] token '{}' has id {} in the vocabulary and {} in added_tokens", where,
                        token, id, special->second));
      continue;
    }
    char32_t c = 0;
    const std::string byte = token.starts_with("<0x") ? escaped_bytes(token) : std::string();
    if (byte.empty() && unicode::decode_utf8(token, c) != token.size())
      refuse_char_json(where,
                       fmt::format("token '{}' (id {}) is more than one character", token, id));
    builder.add_token(byte.empty() ? token : byte, id);
  }
  for (const auto& [name, id] : specials) builder.add_special(name, id);
  return builder.finish();
}

// A byte that is a character stands for itself.
std::string json_name(std::string_view token) {
  const bool lone_byte = token.size() == 1 && static_cast<unsigned char>(token[0]) >= 0x80;
  return lone_byte ? byte_name(token[0]) : std::string(token);
}

Json char_json(const CharTokenizer& tokenizer) {
  Json::Object vocab;
  for (std::int32_t id = 0; id < tokenizer.vocab_size(); ++id)
    if (const std::string_view token = tokenizer.tokens()[static_cast<std::size_t>(id)];
        !token.empty())
      vocab.emplace_back(json_name(token), id);
  Json added = Json::array();
  for (const auto& [name, id] : tokenizer.special_tokens())
    added.push_back(Json::object({{"id", id},
                                  {"content", name},
                                  {"single_word", false},
                                  {"lstrip", false},
                                  {"rstrip", false},
                                  {"normalized", false},
                                  {"special", true}}));
  Json steps = Json::array();
  for (const char* type : {"ByteFallback", "Fuse"}) steps.push_back(Json::object({{"type", type}}));
  const Json model = Json::object({{"type", "BPE"},
                                   {"dropout", Json()},
                                   {"unk_token", Json()},
                                   {"continuing_subword_prefix", Json()},
                                   {"end_of_word_suffix", Json()},
                                   {"fuse_unk", false},
                                   {"byte_fallback", true},
                                   {"ignore_merges", false},
                                   {"vocab", Json::from_members(std::move(vocab))},
                                   {"merges", Json::array()}});
  return Json::object({{"version", "1.0"},
                       {"truncation", Json()},
                       {"padding", Json()},
                       {"added_tokens", added},
                       {"normalizer", Json()},
                       {"pre_tokenizer", Json()},
                       {"post_processor", Json()},
                       {"decoder", Json::object({{"type", "Sequence"}, {"decoders", steps}})},
                       {"model", model}});
}

Json special_names(const CharTokenizer& tokenizer) {
  Json map = Json::object(), others = Json::array();
  for (const auto& [name, id] : tokenizer.special_tokens()) {
    if (id == tokenizer.end_of_text())
      map.set("eos_token", name);
    else
      others.push_back(name);
  }
  if (!others.as_array().empty()) map.set("additional_special_tokens", others);
  return map;
}

}  // namespace

bool is_char_json(const Json& root) {
  const Json* model = root.find("model");
  if (model == nullptr || !model->is_object() || model->get("type", "BPE") != "BPE") return false;
  const Json* merges = model->find("merges");
  return model->get("byte_fallback", false) && merges != nullptr && merges->is_array() &&
         merges->as_array().empty() && is_absent(root, "pre_tokenizer");
}

std::shared_ptr<const CharTokenizer> read_char_json(const Json& root, const std::string& where,
                                                    std::string_view eos_name) {
  try {
    const Json& model = root.at("model");
    if (!is_absent(root, "normalizer")) refuse_char_json(where, "it has a normalizer");
    if (!is_absent(root, "post_processor")) refuse_char_json(where, "it has a post_processor");
    if (!joins_bytes(root)) refuse_char_json(where, "its decoder is not ByteFallback and Fuse");
    if (!is_absent(model, "dropout")) refuse_char_json(where, "the model has dropout");
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
      if (!model.get(key, "").empty())
        refuse_char_json(where, fmt::format("the model has a {}", key));
    return std::make_shared<CharTokenizer>(read_vocabulary(root, where), eos_name);
  } catch (const Error& error) {
    throw tokenizer_files::with_source(error, where);
  }
}

void save_char_json(const CharTokenizer& tokenizer, const std::filesystem::path& folder) {
  const Json names = special_names(tokenizer);
  Json config = names;
  config.set("tokenizer_class", "PreTrainedTokenizerFast");
  config.set("clean_up_tokenization_spaces", false);
  for (const auto& [name, root] :
       {std::pair("special_tokens_map.json", names), std::pair("tokenizer_config.json", config),
        std::pair("tokenizer.json", char_json(tokenizer))}) {
    AtomicFile file(folder / name);
    file.write(root.dump(2) + "\n");
    file.commit();
  }
}

}  // namespace stemma::characters

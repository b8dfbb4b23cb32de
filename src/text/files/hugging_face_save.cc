// Writes tokenizer files as Hugging Face's GPT-2 has them. The texts are put together here rather
// than from Json values: a vocabulary is a large object in a fixed order.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"
#include "text/files/frame_json.h"
#include "text/files/hugging_face.h"
#include "text/files/text_file.h"
#include "text/unicode/byte_alphabet.h"

namespace stemma::tokenizer_files {
namespace {

std::string json_text(std::string_view text) { return Json(text).dump(); }

// What files call each token: letters for bytes, or the name of a special token.
std::vector<std::string> written_tokens(const bpe::BpeVocabulary& vocabulary) {
  std::vector<std::string> written;
  written.reserve(vocabulary.tokens.size());
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id)
    written.push_back(unicode::to_byte_alphabet(vocabulary.tokens[id]));
  for (const auto* list : {&vocabulary.special_tokens, &vocabulary.added_tokens})
    for (const auto& [name, id] : *list) written[static_cast<std::size_t>(id)] = name;
  return written;
}

std::string vocab_json(const std::vector<std::string>& written, std::string_view indent) {
  std::string text = "{";
  const char* separator = "";
  for (std::size_t id = 0; id < written.size(); ++id) {
    if (written[id].empty()) continue;
    text += fmt::format("{}\n{}  {}: {}", separator, indent, json_text(written[id]), id);
    separator = ",";
  }
  return text + fmt::format("\n{}}}", indent);
}

Json added_token_json(const std::string& name, std::int32_t id, bool special,
                      const bpe::SpecialFlags& flags) {
  return Json::object({{"id", id},
                       {"content", name},
                       {"single_word", flags.single_word},
                       {"lstrip", flags.lstrip},
                       {"rstrip", flags.rstrip},
                       {"normalized", flags.normalized},
                       {"special", special}});
}

std::string added_tokens_json(const bpe::BpeVocabulary& vocabulary) {
  Json tokens = Json::array();
  for (const auto& [name, id] : vocabulary.special_tokens) {
    const auto found = vocabulary.special_flags.find(id);
    tokens.push_back(added_token_json(
        name, id, true,
        found == vocabulary.special_flags.end() ? bpe::SpecialFlags() : found->second));
  }
  for (const auto& [name, id] : vocabulary.added_tokens)
    tokens.push_back(added_token_json(name, id, false, {.normalized = true}));
  return tokens.dump();
}

// What files without a place for splitter and normalizer mean.
bool reads_text_as_gpt2(const bpe::BpeTokenizer& tokenizer) {
  return &tokenizer.splitter() == &split::gpt2_splitter() && !tokenizer.vocabulary().lowercase;
}

// ByteLevel has GPT-2's pattern built in, which SmolLM's has behind a cut at numbers; every other
// pattern is a step before a ByteLevel without.
std::string pre_tokenizer_json(const bpe::BpeTokenizer& tokenizer, const Json& byte_level) {
  if (&tokenizer.splitter() == &split::gpt2_splitter()) return byte_level.dump();
  Json steps = Json::array();
  if (&tokenizer.splitter() == &split::smollm_splitter()) {
    steps.push_back(Json::object({{"type", "Digits"}, {"individual_digits", true}}));
    steps.push_back(byte_level);
    return Json::object({{"type", "Sequence"}, {"pretokenizers", steps}}).dump();
  }
  Json bytes_only = byte_level;
  bytes_only.set("use_regex", false);
  steps.push_back(Json::object(
      {{"type", "Split"},
       {"pattern", Json::object({{"Regex", std::string(tokenizer.splitter().pattern())}})},
       {"behavior", "Isolated"},
       {"invert", false}}));
  steps.push_back(bytes_only);
  return Json::object({{"type", "Sequence"}, {"pretokenizers", steps}}).dump();
}

std::string tokenizer_json(const bpe::BpeTokenizer& tokenizer,
                           const std::vector<std::string>& written) {
  const bpe::BpeVocabulary& vocabulary = tokenizer.vocabulary();
  const Json byte_level = Json::object({{"type", "ByteLevel"},
                                        {"add_prefix_space", vocabulary.prefix_space},
                                        {"trim_offsets", true},
                                        {"use_regex", true}});
  const Json post_processor =
      vocabulary.frame == plain_frame()
          ? byte_level
          : template_processing(vocabulary.frame, [&](std::int32_t id) {
              return std::string_view(written[static_cast<std::size_t>(id)]);
            });
  std::string text = fmt::format(
      R"({{
  "version": "1.0",
  "truncation": null,
  "padding": null,
  "added_tokens": {},
  "normalizer": {},
  "pre_tokenizer": {},
  "post_processor": {},
  "decoder": {},
  "model": {{
    "type": "BPE",
    "dropout": null,
    "unk_token": null,
    "continuing_subword_prefix": null,
    "end_of_word_suffix": null,
    "fuse_unk": false,
    "byte_fallback": false,
    "ignore_merges": {},
    "vocab": {},
    "merges": [)",
      added_tokens_json(vocabulary), vocabulary.lowercase ? R"({"type": "Lowercase"})" : "null",
      pre_tokenizer_json(tokenizer, byte_level), post_processor.dump(), byte_level.dump(),
      vocabulary.by_tokens || vocabulary.whole_pieces, vocab_json(written, "    "));
  const char* separator = "";
  for (const bpe::BpeMerge& merge : bpe::listed_merges(vocabulary)) {
    text += fmt::format("{}\n      {}", separator,
                        json_text(written[merge.left] + " " + written[merge.right]));
    separator = ",";
  }
  return text + "\n    ]\n  }\n}\n";
}

std::string merges_txt(const bpe::BpeVocabulary& vocabulary,
                       const std::vector<std::string>& written) {
  std::string text = "#version: 0.2\n";
  for (const bpe::BpeMerge& merge : bpe::listed_merges(vocabulary))
    text += fmt::format("{} {}\n", written[merge.left], written[merge.right]);
  return text;
}

// The special tokens by the parts that they play, the others by name.
Json special_tokens_map(const bpe::BpeTokenizer& tokenizer) {
  std::map<std::string, std::int32_t> roles = tokenizer.vocabulary().roles;
  if (const auto end = tokenizer.end_of_text(); roles.empty() && end)
    roles = {{"bos_token", *end}, {"eos_token", *end}, {"unk_token", *end}};
  Json map = Json::object();
  Json others = Json::array();
  const std::vector<bool> special = tokenizer.vocabulary().special_ids();
  for (const auto& [role, id] : roles) {
    const std::string_view token = tokenizer.bytes_of(id);
    map.set(role, special[static_cast<std::size_t>(id)] ? std::string(token)
                                                        : unicode::to_byte_alphabet(token));
  }
  for (const auto& [name, id] : tokenizer.special_tokens())
    if (std::ranges::none_of(roles, [&id = id](const auto& role) { return role.second == id; }))
      others.push_back(name);
  if (!others.as_array().empty()) map.set("additional_special_tokens", others);
  return map;
}

// transformers' GPT2Tokenizer insists on <|endoftext|> and would add it where it is missing.
Json tokenizer_config(const bpe::BpeTokenizer& tokenizer) {
  Json config = special_tokens_map(tokenizer);
  const auto end = tokenizer.end_of_text();
  const bool as_gpt2 =
      reads_text_as_gpt2(tokenizer) && end && tokenizer.bytes_of(*end) == "<|endoftext|>";
  config.set("tokenizer_class", as_gpt2 ? "GPT2Tokenizer" : "PreTrainedTokenizerFast");
  config.set("add_prefix_space", tokenizer.vocabulary().prefix_space);
  add_kept(Json::parse(tokenizer.vocabulary().settings, "settings"), config);
  if (config.find("clean_up_tokenization_spaces") == nullptr)
    config.set("clean_up_tokenization_spaces", false);
  if (!tokenizer.chat_template().empty() && config.find("chat_template") == nullptr)
    config.set("chat_template", std::string(tokenizer.chat_template()));
  return config;
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace

void save_hugging_face(const bpe::BpeTokenizer& tokenizer, const std::filesystem::path& folder) {
  const bpe::BpeVocabulary& vocabulary = tokenizer.vocabulary();
  const std::vector<std::string> written = written_tokens(vocabulary);
  if (reads_text_as_gpt2(tokenizer)) {
    write_file(folder / "vocab.json", vocab_json(written, "") + "\n");
    write_file(folder / "merges.txt", merges_txt(vocabulary, written));
  }
  write_file(folder / "special_tokens_map.json", special_tokens_map(tokenizer).dump(2) + "\n");
  write_file(folder / "tokenizer_config.json", tokenizer_config(tokenizer).dump(2) + "\n");
  write_file(folder / "tokenizer.json", tokenizer_json(tokenizer, written));
  if (reads_text_as_gpt2(tokenizer))
    remove_other_tokenizer_files(folder, {"tokenizer.json", "vocab.json", "merges.txt"});
  else
    remove_other_tokenizer_files(folder, {"tokenizer.json"});
}

}  // namespace stemma::tokenizer_files

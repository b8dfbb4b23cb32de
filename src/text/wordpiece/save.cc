// Writes WordPiece tokenizers as Hugging Face's BERT has them.
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "text/files/folder_settings.h"
#include "text/files/frame_json.h"
#include "text/files/text_file.h"
#include "text/wordpiece/files.h"

namespace stemma::wordpiece {
namespace {

Json normalizer_json(const TextOptions& text) {
  return Json::object({{"type", "BertNormalizer"},
                       {"clean_text", text.clean_text},
                       {"handle_chinese_chars", text.handle_chinese_chars},
                       {"strip_accents", text.strip_accents ? Json(*text.strip_accents) : Json()},
                       {"lowercase", text.lowercase}});
}

Json specials_json(const Vocabulary& vocabulary) {
  Json list = Json::array();
  for (const auto& [name, id] : vocabulary.special_tokens) {
    const auto found = vocabulary.special_flags.find(id);
    const bpe::SpecialFlags flags =
        found == vocabulary.special_flags.end() ? bpe::SpecialFlags() : found->second;
    list.push_back(Json::object({{"id", id},
                                 {"content", name},
                                 {"single_word", flags.single_word},
                                 {"lstrip", flags.lstrip},
                                 {"rstrip", flags.rstrip},
                                 {"normalized", flags.normalized},
                                 {"special", true}}));
  }
  return list;
}

Json wordpiece_json(const Vocabulary& vocabulary) {
  Json::Object vocab;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id)
    if (!vocabulary.tokens[id].empty())
      vocab.emplace_back(vocabulary.tokens[id], static_cast<std::int64_t>(id));
  const Options& options = vocabulary.options;
  const Json model =
      Json::object({{"type", "WordPiece"},
                    {"unk_token", vocabulary.names.unknown},
                    {"continuing_subword_prefix", options.prefix},
                    {"max_input_chars_per_word", static_cast<std::int64_t>(options.longest_word)},
                    {"vocab", Json::from_members(std::move(vocab))}});
  return Json::object(
      {{"version", "1.0"},
       {"truncation", Json()},
       {"padding", Json()},
       {"added_tokens", specials_json(vocabulary)},
       {"normalizer", normalizer_json(options.text)},
       {"pre_tokenizer", Json::object({{"type", "BertPreTokenizer"}})},
       {"post_processor",
        tokenizer_files::template_processing(
            vocabulary.frame,
            [&](std::int32_t id) { return vocabulary.tokens[static_cast<std::size_t>(id)]; })},
       {"decoder",
        Json::object(
            {{"type", "WordPiece"}, {"prefix", options.prefix}, {"cleanup", options.cleanup}})},
       {"model", model}});
}

Json names_json(const Vocabulary& vocabulary) {
  const SpecialNames& names = vocabulary.names;
  Json map = Json::object({{"unk_token", names.unknown},
                           {"sep_token", names.sep},
                           {"pad_token", names.pad},
                           {"cls_token", names.cls},
                           {"mask_token", names.mask}});
  if (!names.end.empty()) map.set("eos_token", names.end);
  const std::set<std::string> named{names.unknown, names.sep,  names.pad,
                                    names.cls,     names.mask, names.end};
  Json others = Json::array();
  for (const auto& [name, id] : vocabulary.special_tokens)
    if (!named.contains(name)) others.push_back(name);
  if (!others.as_array().empty()) map.set("additional_special_tokens", others);
  return map;
}

// What vocab.txt cannot say of the vocabulary, tokenizer_config.json beside it; empty: nothing.
std::string beyond_vocab_txt(const Vocabulary& vocabulary) {
  const Options& options = vocabulary.options;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string_view token = vocabulary.tokens[id];
    if (token.empty()) return fmt::format("id {} has no token", id);
    if (token.find_first_of(std::string_view("\r\n\0", 3)) != token.npos || token.back() == ' ' ||
        token.back() == '\t')
      return fmt::format("token {} has a line end or ends with white space", id);
  }
  if (!options.text.clean_text) return "clean_text is false";
  if (options.prefix != "##") return fmt::format("the prefix is {}", options.prefix);
  if (options.longest_word != 100)
    return fmt::format("max_input_chars_per_word is {}", options.longest_word);
  if (!options.cleanup) return "the decoder does not clean up";
  if (vocabulary.frame != bert_frame(vocabulary.cls, vocabulary.sep))
    return "the post-processor is not BERT's";
  return vocabulary.special_flags.empty() ? "" : "a special token has flags";
}

// transformers makes a BertTokenizer from these settings and the vocabulary alone.
Json config_json(const Vocabulary& vocabulary, bool as_bert) {
  Json config = names_json(vocabulary);
  const TextOptions& text = vocabulary.options.text;
  config.set("do_lower_case", text.lowercase);
  config.set("tokenize_chinese_chars", text.handle_chinese_chars);
  config.set("strip_accents", text.strip_accents ? Json(*text.strip_accents) : Json());
  config.set("tokenizer_class", as_bert ? "BertTokenizer" : "PreTrainedTokenizerFast");
  tokenizer_files::add_kept(Json::parse(vocabulary.settings, "settings"), config);
  if (config.find("clean_up_tokenization_spaces") == nullptr)
    config.set("clean_up_tokenization_spaces", false);
  return config;
}

std::string vocab_txt(const Vocabulary& vocabulary) {
  std::string text;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id)
    text.append(vocabulary.tokens[id]).append("\n");
  return text;
}

void write_text_file(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace

void save_hugging_face(const Vocabulary& vocabulary, const std::filesystem::path& folder) {
  const bool as_bert = beyond_vocab_txt(vocabulary).empty();
  if (as_bert) write_text_file(folder / "vocab.txt", vocab_txt(vocabulary));
  write_text_file(folder / "special_tokens_map.json", names_json(vocabulary).dump(2) + "\n");
  write_text_file(folder / "tokenizer_config.json",
                  config_json(vocabulary, as_bert).dump(2) + "\n");
  write_text_file(folder / "tokenizer.json", wordpiece_json(vocabulary).dump(2) + "\n");
  if (as_bert)
    tokenizer_files::remove_other_tokenizer_files(folder, {"tokenizer.json", "vocab.txt"});
  else
    tokenizer_files::remove_other_tokenizer_files(folder, {"tokenizer.json"});
}

void save_wordpiece_txt(const Vocabulary& vocabulary, const std::filesystem::path& path) {
  std::string beyond = beyond_vocab_txt(vocabulary);
  const TextOptions& text = vocabulary.options.text;
  if (beyond.empty() && text != TextOptions())
    beyond = text.lowercase ? "its accents or Chinese characters are not BERT's" : "it is cased";
  if (!beyond.empty())
    throw Error(ErrorCode::unsupported,
                fmt::format("[{}] a vocab.txt alone cannot hold this WordPiece tokenizer: {}; "
                            "write a folder instead",
                            path.string(), beyond));
  write_text_file(path, vocab_txt(vocabulary));
}

}  // namespace stemma::wordpiece

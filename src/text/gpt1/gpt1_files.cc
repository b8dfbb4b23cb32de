#include "text/gpt1/gpt1_files.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "text/files/hugging_face.h"
#include "text/files/json_error.h"
#include "text/files/text_file.h"

namespace stemma::gpt1 {
namespace {

[[noreturn]] void fail_gpt1(const std::string& where, const std::string& what) {
  throw Error(ErrorCode::corrupt, fmt::format("[{}] {}", where, what));
}

bool is_gpt1(const Json::Object& vocab) {
  bool ends_words = false, has_byte_letters = false;
  for (const auto& [token, id] : vocab) {
    ends_words |= token.size() > kWordEnd.size() && token.ends_with(kWordEnd);
    has_byte_letters |= token == "Ġ" || token == "Ċ";
  }
  return ends_words && !has_byte_letters;
}

// transformers passes over the first line, whatever it is: without the header a merge would be
// lost.
void add_gpt1_merges(std::string_view text, const std::string& where,
                     Gpt1VocabularyBuilder& builder) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t length = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, length);
    text.remove_prefix(std::min(length + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (number == 1) {
      if (!line.starts_with("#version")) fail_gpt1(where, "line 1 must begin with '#version'");
      continue;
    }
    const std::size_t space = line.find(' ');
    const bool two = space != line.npos && space > 0 && space + 1 < line.size() &&
                     line.find(' ', space + 1) == line.npos;
    if (!two)
      fail_gpt1(where, fmt::format("line {} must be two tokens with a space between, got {} bytes "
                                   "that are not",
                                   number, line.size()));
    builder.add_merge(line.substr(0, space), line.substr(space + 1));
  }
}

std::string gpt1_vocab_json(const lookup::TokenList& tokens) {
  std::string text = "{";
  const char* separator = "";
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (tokens[id].empty()) continue;
    text += fmt::format("{}\n  {}: {}", separator, Json(tokens[id]).dump(), id);
    separator = ",";
  }
  return text + "\n}\n";
}

std::string gpt1_merges_txt(const Gpt1Vocabulary& vocabulary) {
  std::string text = "#version: 0.2\n";
  for (const bpe::BpeMerge& merge : vocabulary.merges)
    text += fmt::format("{} {}\n", vocabulary.tokens[static_cast<std::size_t>(merge.left)],
                        vocabulary.tokens[static_cast<std::size_t>(merge.right)]);
  return text;
}

Json gpt1_special_tokens_map(const Gpt1Vocabulary& vocabulary) {
  Json map = Json::object();
  Json others = Json::array();
  for (const auto& [name, id] : vocabulary.special_tokens) {
    if (id == vocabulary.unknown)
      map.set("unk_token", name);
    else if (id == vocabulary.end_of_text)
      map.set("eos_token", name);
    else
      others.push_back(name);
  }
  if (!others.as_array().empty()) map.set("additional_special_tokens", others);
  return map;
}

void write_gpt1_file(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

// Lower case and what copies keep.
void apply(const tokenizer_files::FolderSettings& settings, const std::string& where,
           Gpt1Vocabulary& vocabulary) {
  try {
    vocabulary.lower_case =
        settings.kept.get("do_lower_case", true) ? Gpt1LowerCase::of_text : Gpt1LowerCase::of_words;
  } catch (const Error& error) {
    throw tokenizer_files::with_source(error, where + "tokenizer_config.json");
  }
  vocabulary.settings = tokenizer_files::kept_with_roles(settings).dump();
}

}  // namespace

std::optional<Gpt1Vocabulary> parse_gpt1(const Gpt1Files& files, const std::string& where) {
  // Cheaper than to parse: most vocabularies are of another kind.
  if (files.vocab_json.find(kWordEnd) == files.vocab_json.npos) return std::nullopt;
  const std::string vocab_name = where + "vocab.json";
  const Json vocab = Json::parse(files.vocab_json, vocab_name);
  try {
    if (!is_gpt1(vocab.as_object())) return std::nullopt;
    Gpt1VocabularyBuilder builder(where, vocab.as_object().size());
    for (const auto& [token, id] : vocab.as_object()) builder.add_token(token, id.as_int());
    add_gpt1_merges(files.merges_txt, where + "merges.txt", builder);
    return builder.finish(files.special_names, files.eos_name);
  } catch (const Error& error) {
    throw tokenizer_files::with_source(error, vocab_name);
  }
}

std::optional<Gpt1Vocabulary> find_gpt1(const std::filesystem::path& folder,
                                        const tokenizer_files::FolderSettings& settings) {
  for (const auto& [vocab, merges] : {std::pair("vocab.json", "merges.txt"),
                                      std::pair("encoder_bpe_40000.json", "vocab_40000.bpe")}) {
    if (!std::filesystem::exists(folder / vocab) || !std::filesystem::exists(folder / merges))
      continue;
    const std::string vocab_text = tokenizer_files::read_tokenizer_file(folder / vocab);
    const std::string merges_text = tokenizer_files::read_tokenizer_file(folder / merges);
    if (auto found = parse_gpt1({vocab_text, merges_text, settings.special, settings.eos},
                                (folder / "").string())) {
      apply(settings, (folder / "").string(), *found);
      return found;
    }
  }
  return std::nullopt;
}

bool is_gpt1_json(const Json& root) {
  const Json* model = root.find("model");
  if (model == nullptr || !model->is_object()) return false;
  const Json* vocab = model->find("vocab");
  const Json* suffix = model->find("end_of_word_suffix");
  return suffix != nullptr && suffix->is_string() && suffix->as_string() == kWordEnd &&
         vocab != nullptr && vocab->is_object() && is_gpt1(vocab->as_object());
}

Gpt1Vocabulary read_gpt1_json(const Json& root, const std::string& where,
                              const tokenizer_files::FolderSettings& settings) {
  try {
    const Json& model = root.at("model");
    const Json& vocab = model.at("vocab");
    const Json none = Json::array();
    const Json* added = root.find("added_tokens");
    if (added == nullptr || added->is_null()) added = &none;
    Gpt1VocabularyBuilder builder(where, vocab.as_object().size() + added->as_array().size());
    std::vector<std::string> special = settings.special;
    for (const auto& [token, id] : vocab.as_object()) builder.add_token(token, id.as_int());
    for (const Json& item : added->as_array()) {
      const auto token = tokenizer_files::added_token_of(item, item.at("id").as_int());
      if (!token.special)
        throw Error(ErrorCode::unsupported,
                    fmt::format("[{}] added token '{}' is not special: a GPT-1 vocabulary that "
                                "matches tokens inside text is not supported",
                                where, token.name));
      if (vocab.find(token.name) == nullptr) builder.add_token(token.name, token.id);
      special.push_back(token.name);
    }
    for (const Json& merge : model.at("merges").as_array()) {
      const auto [left, right] = tokenizer_files::parts_of_merge(merge, where);
      builder.add_merge(left, right);
    }
    Gpt1Vocabulary vocabulary = builder.finish(std::move(special), settings.eos);
    apply(settings, where, vocabulary);
    return vocabulary;
  } catch (const Error& error) {
    throw tokenizer_files::with_source(error, where);
  }
}

void save_gpt1(const Gpt1Vocabulary& vocabulary, const std::filesystem::path& folder) {
  const Json map = gpt1_special_tokens_map(vocabulary);
  Json config = map;
  config.set("tokenizer_class", "OpenAIGPTTokenizer");
  config.set("do_lower_case", vocabulary.lower_case == Gpt1LowerCase::of_text);
  tokenizer_files::add_kept(Json::parse(vocabulary.settings, "settings"), config);
  if (config.find("clean_up_tokenization_spaces") == nullptr)
    config.set("clean_up_tokenization_spaces", false);
  write_gpt1_file(folder / "vocab.json", gpt1_vocab_json(vocabulary.tokens));
  write_gpt1_file(folder / "merges.txt", gpt1_merges_txt(vocabulary));
  write_gpt1_file(folder / "special_tokens_map.json", map.dump(2) + "\n");
  write_gpt1_file(folder / "tokenizer_config.json", config.dump(2) + "\n");
  tokenizer_files::remove_other_tokenizer_files(folder, {"vocab.json", "merges.txt"});
}

}  // namespace stemma::gpt1

// Reads tokenizer.json (huggingface/tokenizers, version 1.0) with the model WordPiece.
#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "text/files/frame_json.h"
#include "text/files/json_error.h"
#include "text/wordpiece/files.h"

namespace stemma::wordpiece {
namespace {

// The value of a key that may be null or missing.
const Json* present(const Json& root, const char* key) {
  const Json* value = root.find(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

class WordPieceJsonReader {
 public:
  WordPieceJsonReader(const Json& root, const std::string& where, const Settings& settings)
      : root_(root), where_(where), settings_(settings), builder_(where, count(root)) {}

  Vocabulary read() {
    const Json& model = root_.at("model");
    Options options;
    options.prefix = model.get("continuing_subword_prefix", "##");
    if (options.prefix.empty()) refuse("the model has no continuing_subword_prefix");
    const std::int64_t longest = model.get("max_input_chars_per_word", 100);
    if (longest < 1 || longest > static_cast<std::int64_t>(kLongestWord))
      refuse(
          fmt::format("max_input_chars_per_word is {}, outside of 1 to {}", longest, kLongestWord));
    options.longest_word = static_cast<std::size_t>(longest);
    options.text = read_normalizer();
    check_pre_tokenizer();
    options.cleanup = read_decoder(options.prefix);
    for (const auto& [token, id] : model.at("vocab").as_object())
      builder_.add_token(token, id.as_int());
    read_added_tokens();
    add_tokens_of_settings(settings_, where_, builder_);
    SpecialNames names = settings_.names;
    names.unknown = model.get("unk_token", names.unknown.c_str());
    std::optional<Frame> frame = read_post_processor();
    Vocabulary vocabulary = builder_.finish(std::move(options), std::move(names));
    if (frame) vocabulary.frame = std::move(*frame);
    vocabulary.settings = tokenizer_files::kept_with_roles(settings_.folder).dump();
    tell_what_is_not_applied();
    return vocabulary;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorCode::unsupported,
                fmt::format("[{}] {}; of WordPiece models only those with BertNormalizer and "
                            "BertPreTokenizer can be read",
                            where_, what));
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::corrupt, fmt::format("[{}] {}", where_, what));
  }

  static std::size_t count(const Json& root) {
    const Json* vocab = root.at("model").find("vocab");
    const Json* added = root.find("added_tokens");
    return (vocab && vocab->is_object() ? vocab->as_object().size() : 0) +
           (added && added->is_array() ? added->as_array().size() : 0);
  }

  TextOptions read_normalizer() const {
    const Json* step = present(root_, "normalizer");
    if (step == nullptr) return {false, false, false, false};
    const std::string type = step->get("type", "without type");
    if (type != "BertNormalizer") refuse(fmt::format("its normalizer is {}", type));
    TextOptions text{step->get("clean_text", true), step->get("handle_chinese_chars", true),
                     step->get("lowercase", true), std::nullopt};
    if (const Json* strip = present(*step, "strip_accents")) text.strip_accents = strip->as_bool();
    return text;
  }

  void check_pre_tokenizer() const {
    const Json* step = present(root_, "pre_tokenizer");
    if (step == nullptr) refuse("it has no pre_tokenizer");
    const std::string type = step->get("type", "without type");
    if (type != "BertPreTokenizer") refuse(fmt::format("its pre_tokenizer is {}", type));
  }

  // Its cleanup.
  bool read_decoder(const std::string& prefix) const {
    const Json* step = present(root_, "decoder");
    if (step == nullptr) refuse("it has no decoder");
    const std::string type = step->get("type", "without type");
    if (type != "WordPiece") refuse(fmt::format("its decoder is {}", type));
    const std::string of_decoder = step->get("prefix", "##");
    if (of_decoder != prefix)
      refuse(fmt::format("its decoder removes '{}' and its model writes '{}'", of_decoder, prefix));
    return step->get("cleanup", true);
  }

  void read_added_tokens() {
    const Json* added = present(root_, "added_tokens");
    if (added == nullptr) return;
    for (const Json& token : added->as_array()) {
      const std::string& name = token.at("content").as_string();
      if (!token.get("special", false))
        refuse(
            fmt::format("added token '{}' is not special: it would be matched inside text", name));
      builder_.add_special(name, token.at("id").as_int(),
                           {token.get("single_word", false), token.get("lstrip", false),
                            token.get("rstrip", false), token.get("normalized", false)});
    }
  }

  // After the tokens, whose ids it names.
  std::optional<Frame> read_post_processor() const {
    const Json* step = present(root_, "post_processor");
    if (step == nullptr) return plain_frame();
    const tokenizer_files::FrameReader reader(where_,
                                              [&](std::int64_t id) { return builder_.has_id(id); });
    const std::string type = step->get("type", "without type");
    // Its tokens are pairs of name and id: ["[CLS]", 101].
    if (type == "BertProcessing")
      return bert_frame(reader.checked_id(second_of(step->at("cls"))),
                        reader.checked_id(second_of(step->at("sep"))));
    if (type != "TemplateProcessing") refuse(fmt::format("its post_processor is {}", type));
    return reader.read(*step);
  }

  const Json& second_of(const Json& pair) const {
    if (pair.as_array().size() != 2) fail("its post_processor has a token without an id");
    return pair.as_array()[1];
  }

  void tell_what_is_not_applied() const {
    if (const Json* cut = present(root_, "truncation"); cut && cut->is_object())
      log_topic("tokenizer", fmt::format("{}: its truncation to {} tokens is not applied", where_,
                                         cut->get("max_length", 0)));
    if (present(root_, "padding"))
      log_topic("tokenizer", fmt::format("{}: its padding is not applied", where_));
  }

  const Json& root_;
  const std::string& where_;
  const Settings& settings_;
  VocabularyBuilder builder_;
};

}  // namespace

bool is_wordpiece_json(const Json& root) {
  const Json* model = root.find("model");
  if (model == nullptr || !model->is_object()) return false;
  // Files of 2019 and 2020 name no type: their models are told apart by their keys.
  const char* unnamed = model->find("max_input_chars_per_word") ? "WordPiece" : "";
  return model->get("type", unnamed) == "WordPiece";
}

std::shared_ptr<const WordPieceTokenizer> read_wordpiece_json(const Json& root,
                                                              const std::string& where,
                                                              const Settings& settings) {
  try {
    return std::make_shared<WordPieceTokenizer>(WordPieceJsonReader(root, where, settings).read(),
                                                where);
  } catch (const Error& error) {
    throw tokenizer_files::with_source(error, where);
  }
}

}  // namespace stemma::wordpiece

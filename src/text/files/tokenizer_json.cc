// Reads tokenizer.json (huggingface/tokenizers, version 1.0).
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "text/bpe/merging_by_tokens.h"
#include "text/files/frame_json.h"
#include "text/files/hugging_face.h"
#include "text/files/json_error.h"
#include "text/lookup/string_map.h"
#include "text/unicode/byte_alphabet.h"

namespace stemma::tokenizer_files {
namespace {

class TokenizerJsonReader {
 public:
  TokenizerJsonReader(const Json& root, const std::string& where, const FolderSettings& settings)
      : root_(root), where_(where), settings_(settings), builder_(where, sizes(root, settings)) {}

  bpe::BpeVocabulary read() {
    const Json& model = root_.at("model");
    check_model(model);
    const bool lowercase = read_normalizer();
    check_decoder();
    read_added_tokens();
    read_vocab(model.at("vocab"));
    add_tokens(added_, builder_);
    for (const Json& merge : model.at("merges").as_array()) read_merge(merge);
    const bool whole_pieces = model.get("ignore_merges", false);
    if (whole_pieces) builder_.keep_whole_pieces();
    builder_.allow_missing_bytes();
    builder_.add_named_specials(special_names_in_order(settings_));
    bpe::BpeVocabulary vocabulary = builder_.finish();
    const Json* unknown = model.find("unk_token");
    if (!vocabulary.missing_bytes.empty() && unknown != nullptr && !unknown->is_null())
      refuse(fmt::format("the model has no token for {} bytes and an unk_token instead",
                         vocabulary.missing_bytes.size()));
    vocabulary.lowercase = lowercase;
    if (lowercase && !vocabulary.added_tokens.empty())
      refuse(fmt::format("it puts text in lower case and matches '{}' in it",
                         vocabulary.added_tokens.front().first));
    set_flags(added_, vocabulary);
    vocabulary.prefix_space = adds_space();
    vocabulary.frame = read_post_processor(vocabulary);
    // What was made from a .tiktoken file gets back its rule, which needs no list.
    if (whole_pieces && bpe::difference_from_merging_by_tokens(vocabulary).empty()) {
      vocabulary.by_tokens = true;
      vocabulary.whole_pieces = false;
      vocabulary.merges.clear();
    }
    return vocabulary;
  }

  // ByteLevel, which splits as GPT-2 does, as it is or behind Digits; or a Split by a known
  // pattern, then ByteLevel without.
  const split::Splitter& read_pre_tokenizer() const {
    const Json* step = find_step("pre_tokenizer", "pretokenizers");
    if (step == nullptr) refuse("it has no pre_tokenizer");
    const std::string type = step->get("type", "without type");
    if (type != "Sequence") {
      check_byte_level(*step, true);
      return split::gpt2_splitter();
    }
    if (adds_space()) refuse("its pre_tokenizer adds a space to each piece");
    const Json::Array& steps = step->at("pretokenizers").as_array();
    if (steps.size() != 2)
      refuse(fmt::format("its pre_tokenizer is a sequence of {} steps", steps.size()));
    if (steps[0].get("type", "") == "Digits") {
      if (!steps[0].get("individual_digits", false)) refuse("its Digits keeps digits together");
      check_byte_level(steps[1], true);
      return split::smollm_splitter();
    }
    const split::Splitter& splitter = splitter_of(steps[0]);
    check_byte_level(steps[1], false);
    return splitter;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(
        ErrorCode::unsupported,
        fmt::format(
            "[{}] {}; only byte-level BPE with the split pattern of GPT-2, SmolLM, cl100k or o200k "
            "can be read",
            where_, what));
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::corrupt, fmt::format("[{}] {}", where_, what));
  }

  // A step of the file, null where it has none. A sequence of one step is that step, one of none is
  // none.
  const Json* find_step(const char* name, const char* list) const {
    const Json* step = root_.find(name);
    while (step != nullptr && step->is_object() && step->get("type", "") == "Sequence") {
      const Json::Array& steps = step->at(list).as_array();
      if (steps.size() > 1) break;
      step = steps.empty() ? nullptr : &steps.front();
    }
    return step != nullptr && step->is_null() ? nullptr : step;
  }

  static bpe::VocabularyBuilder::Sizes sizes(const Json& root, const FolderSettings& settings) {
    const Json& model = root.at("model");
    const Json* vocab = model.find("vocab");
    const Json* merges = model.find("merges");
    const Json* added = root.find("added_tokens");
    return {(vocab && vocab->is_object() ? vocab->as_object().size() : 0) +
                (added && added->is_array() ? added->as_array().size() : 0) +
                settings.added.size() + settings.special.size(),
            merges && merges->is_array() ? merges->as_array().size() : 0};
  }

  void check_model(const Json& model) const {
    // Files of 2019 and 2020 name no type: their models are told apart by their keys.
    const std::string type = model.get("type", model.find("merges") ? "BPE" : "of unknown type");
    if (type != "BPE") refuse(fmt::format("the model is {}", type));
    const Json* dropout = model.find("dropout");
    if (dropout != nullptr && !dropout->is_null() && dropout->as_double() != 0)
      refuse("the model has dropout");
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
      if (!model.get(key, "").empty()) refuse(fmt::format("the model has a {}", key));
    if (model.get("byte_fallback", false)) refuse("the model has byte_fallback");
  }

  // Whether text is put in lower case; the only normalizer that is known.
  bool read_normalizer() const {
    const Json* value = find_step("normalizer", "normalizers");
    if (value == nullptr) return false;
    const std::string type = value->get("type", "without type");
    if (type != "Lowercase") refuse(fmt::format("it has a normalizer ({})", type));
    return true;
  }

  void check_byte_level(const Json& step, bool use_regex) const {
    const std::string type = step.get("type", "without type");
    if (type != "ByteLevel") refuse(fmt::format("its pre_tokenizer is {}", type));
    if (step.get("use_regex", true) != use_regex)
      refuse(fmt::format("its pre_tokenizer has use_regex {}", !use_regex));
  }

  const split::Splitter& splitter_of(const Json& step) const {
    const std::string type = step.get("type", "without type");
    if (type != "Split") refuse(fmt::format("its pre_tokenizer begins with {}", type));
    const std::string behavior = step.get("behavior", "Isolated");
    if (behavior != "Isolated" && behavior != "Removed")
      refuse(fmt::format("its Split has the behavior {}", behavior));
    // Matches are kept, or what is between matches removed: the same where matches leave no gap.
    if (step.get("invert", false) != (behavior == "Removed")) refuse("its Split throws text away");
    const Json* regex = step.at("pattern").find("Regex");
    if (regex == nullptr) refuse("its Split is no regular expression");
    const split::Splitter* splitter = split::splitter_of_pattern(regex->as_string());
    if (splitter == nullptr)
      refuse(fmt::format("its Split has the pattern {}", regex->as_string()));
    return *splitter;
  }

  // Whether a space is put before texts. GPT2Tokenizer builds its own ByteLevel from
  // tokenizer_config.json, other classes take the one in the file.
  bool adds_space() const {
    const Json* step = find_step("pre_tokenizer", "pretokenizers");
    if (step == nullptr) return false;
    bool of_file = step->get("add_prefix_space", true);
    if (step->get("type", "") == "Sequence")
      of_file = step->at("pretokenizers").as_array().back().get("add_prefix_space", true);
    else if (settings_.tokenizer_class.starts_with("GPT2Tokenizer"))
      return settings_.adds_space.value_or(false);
    return of_file;
  }

  // ByteLevel, which adds nothing, a template, or both.
  Frame read_post_processor(const bpe::BpeVocabulary& vocabulary) const {
    const Json* step = find_step("post_processor", "processors");
    Frame frame = plain_frame();
    if (step != nullptr && step->get("type", "") == "Sequence") {
      for (const Json& part : step->at("processors").as_array())
        add_processor(part, vocabulary, frame);
    } else if (step != nullptr) {
      add_processor(*step, vocabulary, frame);
    }
    return frame;
  }

  void add_processor(const Json& step, const bpe::BpeVocabulary& vocabulary, Frame& frame) const {
    const std::string type = step.get("type", "without type");
    if (type == "ByteLevel") return;
    if (type != "TemplateProcessing" || frame != plain_frame())
      refuse(fmt::format("its post_processor is {}", type));
    frame = FrameReader(where_, [&](std::int64_t id) {
              return id >= 0 && id < std::ssize(vocabulary.tokens) &&
                     !vocabulary.tokens[static_cast<std::size_t>(id)].empty();
            }).read(step);
  }

  void check_decoder() const {
    const Json* step = find_step("decoder", "decoders");
    if (step == nullptr) return;
    const std::string type = step->get("type", "without type");
    if (type != "ByteLevel") refuse(fmt::format("its decoder is {}", type));
  }

  void read_added_tokens() {
    const Json* list = root_.find("added_tokens");
    if (list != nullptr && !list->is_null())
      for (const Json& token : list->as_array())
        if (!add(added_token_of(token, token.at("id").as_int())))
          fail(fmt::format("added token '{}' is there twice", token.at("content").as_string()));
    // What the file itself says goes before tokenizer_config.json.
    for (const AddedToken& token : settings_.added) add(token);
  }

  // False where there is a token of that name.
  bool add(AddedToken token) {
    const auto is_named = [&](const std::string& name) { return name == token.name; };
    token.special = token.special || std::ranges::any_of(settings_.special, is_named);
    check_flags(token, where_);
    if (token.name.empty()) fail("an added token has no name");
    std::string name = token.name;
    return added_.try_emplace(std::move(name), std::move(token)).second;
  }

  void read_vocab(const Json& vocab) {
    for (const auto& [text, id] : vocab.as_object()) {
      const auto added = added_.find(text);
      if (added != added_.end()) {
        if (added->second.id != id.as_int())
          fail(fmt::format("token '{}' has id {} in the vocabulary and {} in added_tokens", text,
                           id.as_int(), added->second.id));
        continue;
      }
      const std::optional<std::string> bytes = unicode::from_byte_alphabet(text);
      if (!bytes)
        fail(fmt::format("token '{}' (id {}) has letters that stand for no byte", text,
                         id.as_int()));
      builder_.add_token(*bytes, id.as_int());
    }
  }

  void read_merge(const Json& merge) {
    const auto [left, right] = parts_of_merge(merge, where_);
    const auto left_bytes = unicode::from_byte_alphabet(left),
               right_bytes = unicode::from_byte_alphabet(right);
    if (!left_bytes || !right_bytes)
      fail(fmt::format("merge '{}' + '{}' has letters that stand for no byte", left, right));
    builder_.add_merge(*left_bytes, *right_bytes);
  }

  const Json& root_;
  const std::string& where_;
  const FolderSettings& settings_;
  bpe::VocabularyBuilder builder_;
  AddedTokens added_;
};

}  // namespace

std::pair<std::string_view, std::string_view> parts_of_merge(const Json& merge,
                                                             const std::string& where) {
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorCode::corrupt, fmt::format("[{}] {}", where, what));
  };
  if (merge.is_string()) {
    const std::string_view both = merge.as_string();
    const std::size_t space = both.find(' ');
    if (space == both.npos) fail(fmt::format("merge '{}' is not two tokens", both));
    return {both.substr(0, space), both.substr(space + 1)};
  }
  const Json::Array& both = merge.as_array();
  if (both.size() != 2) fail(fmt::format("a merge has {} tokens instead of two", both.size()));
  return {both[0].as_string(), both[1].as_string()};
}

std::shared_ptr<const bpe::BpeTokenizer> read_tokenizer_json(const Json& root,
                                                             const std::string& where,
                                                             const FolderSettings& settings) {
  try {
    TokenizerJsonReader reader(root, where, settings);
    const split::Splitter& splitter = reader.read_pre_tokenizer();
    bpe::BpeVocabulary vocabulary = reader.read();
    keep_settings(settings, vocabulary);
    return bpe::make_bpe_tokenizer(std::move(vocabulary), splitter, settings.eos);
  } catch (const Error& error) {
    throw with_source(error, where);
  }
}

std::shared_ptr<const bpe::BpeTokenizer> parse_tokenizer_json(std::string_view text,
                                                              const std::string& where,
                                                              std::string_view eos_name) {
  FolderSettings settings;
  settings.eos = eos_name;
  return read_tokenizer_json(Json::parse(text, where), where, settings);
}

}  // namespace stemma::tokenizer_files

// Reads tokenizer.json (huggingface/tokenizers, version 1.0).
#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "text/bpe/merging_by_tokens.h"
#include "text/files/hugging_face.h"
#include "text/files/json_error.h"
#include "text/lookup/string_map.h"
#include "text/unicode/byte_alphabet.h"

namespace stemma::tokenizer_files {
namespace {

class TokenizerJsonReader {
 public:
  TokenizerJsonReader(const Json& root, const std::string& where)
      : root_(root), where_(where), builder_(where, sizes(root)) {}

  bpe::BpeVocabulary read() {
    const Json& model = root_.at("model");
    check_model(model);
    const bool lowercase = read_normalizer();
    check_post_processor();
    check_decoder();
    read_added_tokens();
    read_vocab(model.at("vocab"));
    for (const auto& [name, id] : specials_) builder_.add_special(name, id);
    for (const Json& merge : model.at("merges").as_array()) read_merge(merge);
    const bool whole_pieces = model.get("ignore_merges", false);
    if (whole_pieces) builder_.keep_whole_pieces();
    builder_.allow_missing_bytes();
    bpe::BpeVocabulary vocabulary = builder_.finish();
    const Json* unknown = model.find("unk_token");
    if (!vocabulary.missing_bytes.empty() && unknown != nullptr && !unknown->is_null())
      refuse(fmt::format("the model has no token for {} bytes and an unk_token instead",
                         vocabulary.missing_bytes.size()));
    vocabulary.lowercase = lowercase;
    vocabulary.special_flags = std::move(special_flags_);
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

  static bpe::VocabularyBuilder::Sizes sizes(const Json& root) {
    const Json& model = root.at("model");
    const Json* vocab = model.find("vocab");
    const Json* merges = model.find("merges");
    const Json* added = root.find("added_tokens");
    return {(vocab && vocab->is_object() ? vocab->as_object().size() : 0) +
                (added && added->is_array() ? added->as_array().size() : 0),
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
    if (step.get("add_prefix_space", true)) refuse("its pre_tokenizer adds a prefix space");
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

  // A template that adds no token of its own, as transformers writes it, changes nothing.
  void check_post_processor() const {
    const Json* step = find_step("post_processor", "processors");
    if (step == nullptr) return;
    const std::string type = step->get("type", "without type");
    if (type == "ByteLevel") return;
    if (type != "TemplateProcessing") refuse(fmt::format("its post_processor is {}", type));
    for (const Json& part : step->at("single").as_array())
      if (part.find("Sequence") == nullptr) refuse("its post_processor adds tokens to every text");
  }

  void check_decoder() const {
    const Json* step = find_step("decoder", "decoders");
    if (step == nullptr) return;
    const std::string type = step->get("type", "without type");
    if (type != "ByteLevel") refuse(fmt::format("its decoder is {}", type));
  }

  void read_added_tokens() {
    const Json* added = root_.find("added_tokens");
    if (added == nullptr || added->is_null()) return;
    for (const Json& token : added->as_array()) {
      const std::string& name = token.at("content").as_string();
      if (!token.get("special", false))
        refuse(
            fmt::format("added token '{}' is not special: it would be matched inside text", name));
      const bpe::SpecialFlags flags{token.get("single_word", false), token.get("lstrip", false),
                                    token.get("rstrip", false), token.get("normalized", false)};
      if (flags != bpe::SpecialFlags())
        special_flags_[static_cast<std::int32_t>(token.at("id").as_int())] = flags;
      if (!specials_.try_emplace(name, token.at("id").as_int()).second)
        fail(fmt::format("added token '{}' is there twice", name));
    }
  }

  void read_vocab(const Json& vocab) {
    for (const auto& [text, id] : vocab.as_object()) {
      const auto special = specials_.find(text);
      if (special != specials_.end()) {
        if (special->second != id.as_int())
          fail(fmt::format("token '{}' has id {} in the vocabulary and {} in added_tokens", text,
                           id.as_int(), special->second));
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
    std::string_view left, right;
    if (merge.is_string()) {
      const std::string_view both = merge.as_string();
      const std::size_t space = both.find(' ');
      if (space == both.npos) fail(fmt::format("merge '{}' is not two tokens", both));
      left = both.substr(0, space);
      right = both.substr(space + 1);
    } else {
      const Json::Array& both = merge.as_array();
      if (both.size() != 2) fail(fmt::format("a merge has {} tokens instead of two", both.size()));
      left = both[0].as_string();
      right = both[1].as_string();
    }
    const auto left_bytes = unicode::from_byte_alphabet(left),
               right_bytes = unicode::from_byte_alphabet(right);
    if (!left_bytes || !right_bytes)
      fail(fmt::format("merge '{}' + '{}' has letters that stand for no byte", left, right));
    builder_.add_merge(*left_bytes, *right_bytes);
  }

  const Json& root_;
  const std::string& where_;
  bpe::VocabularyBuilder builder_;
  lookup::StringMap<std::int64_t> specials_;
  std::map<std::int32_t, bpe::SpecialFlags> special_flags_;
};

}  // namespace

std::shared_ptr<const bpe::BpeTokenizer> read_tokenizer_json(const Json& root,
                                                             const std::string& where,
                                                             const TokenNames& names) {
  try {
    TokenizerJsonReader reader(root, where);
    const split::Splitter& splitter = reader.read_pre_tokenizer();
    bpe::BpeVocabulary vocabulary = reader.read();
    vocabulary.roles = bpe::roles_of(vocabulary, names.roles);
    vocabulary.chat_template = names.chat_template;
    return bpe::make_bpe_tokenizer(std::move(vocabulary), splitter, names.eos);
  } catch (const Error& error) {
    throw with_source(error, where);
  }
}

std::shared_ptr<const bpe::BpeTokenizer> parse_tokenizer_json(std::string_view text,
                                                              const std::string& where,
                                                              std::string_view eos_name) {
  TokenNames names;
  names.eos = eos_name;
  return read_tokenizer_json(Json::parse(text, where), where, names);
}

}  // namespace stemma::tokenizer_files

// Reads vocab.json + merges.txt (the files of OpenAI's GPT-2 release and of older Hugging Face
// ones).
#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/placeholder.h"
#include "text/files/hugging_face.h"
#include "text/files/json_error.h"
#include "text/files/text_file.h"
#include "text/lookup/string_map.h"
#include "text/unicode/byte_alphabet.h"

namespace stemma::tokenizer_files {
namespace {

// An entry of vocab.json that may be special: which ones are shows only after the merges.
struct Candidate {
  std::string name;
  std::int64_t id;
};

[[noreturn]] void fail(const std::string& where, const std::string& what) {
  throw Error(ErrorCode::corrupt, fmt::format("[{}] {}", where, what));
}

void add_merges(bpe::VocabularyBuilder& builder,
                const std::vector<std::pair<std::string, std::string>>& merges) {
  for (const auto& [left, right] : merges) builder.add_merge(left, right);
}

bpe::BpeVocabulary build(const VocabAndMerges& files, const std::string& where) {
  const std::string vocab_name = where + "vocab.json", merges_name = where + "merges.txt";
  const Json vocab = Json::parse(files.vocab_json, vocab_name);
  const auto merges = parse_merges(files.merges_txt, merges_name);
  lookup::StringMap<bool> made;  // what the merges make
  for (const auto& [left, right] : merges) made.try_emplace(left + right);

  lookup::StringMap<bool> named;
  for (const std::string& name : files.settings.special) named.try_emplace(name);
  AddedTokens added;
  for (const AddedToken& token : files.settings.added) {
    AddedToken& kept = added.try_emplace(token.name, token).first->second;
    kept.special = kept.special || named.contains(token.name);
    check_flags(kept, vocab_name);
  }

  bpe::VocabularyBuilder builder(
      vocab_name,
      {vocab.as_object().size() + added.size() + files.settings.special.size(), merges.size()});
  std::vector<Candidate> specials;
  for (const auto& [text, id] : vocab.as_object()) {
    const std::optional<std::string> bytes = unicode::from_byte_alphabet(text);
    const bool ordinary = bytes && (bytes->size() == 1 || made.contains(*bytes));
    if (const auto found = added.find(text); found != added.end()) {
      if (found->second.id != id.as_int())
        fail(vocab_name, fmt::format("token '{}' has id {}, the settings beside it say {}", text,
                                     id.as_int(), found->second.id));
    } else if (!ordinary && (named.contains(text) || bpe::has_special_form(text))) {
      specials.push_back({text, id.as_int()});
    } else if (!bytes) {
      fail(vocab_name,
           fmt::format("token '{}' (id {}) has letters that stand for no byte", text, id.as_int()));
    } else {
      builder.add_token(*bytes, id.as_int());
    }
  }
  for (const Candidate& special : specials) builder.add_special(special.name, special.id);
  add_tokens(added, builder);
  add_merges(builder, merges);
  const std::vector<std::int32_t> lost = builder.unreachable_tokens();
  if (!lost.empty())
    fail(merges_name, fmt::format("no merge makes {} tokens of vocab.json, the first of id {}: the "
                                  "file is cut short or belongs to another vocabulary",
                                  lost.size(), lost.front()));
  builder.allow_missing_bytes();
  builder.add_named_specials(special_names_in_order(files.settings));
  bpe::BpeVocabulary vocabulary = builder.finish();
  set_flags(added, vocabulary);
  vocabulary.prefix_space = files.settings.adds_space.value_or(false);
  keep_settings(files.settings, vocabulary);
  vocabulary.frame =
      bos_eos_frame(bpe::id_of_role(vocabulary, files.settings.adds_bos, "bos_token"),
                    bpe::id_of_role(vocabulary, files.settings.adds_eos, "eos_token"));
  return vocabulary;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> parse_merges(std::string_view text,
                                                              const std::string& where) {
  if (const std::string what = placeholder_of(text.substr(0, 256)); !what.empty())
    fail(where, "this is " + what);
  check_plain_text(text, where);
  std::vector<std::pair<std::string, std::string>> merges;
  LineReader lines(text);
  lookup::StringMap<std::size_t> first_line;
  for (std::string_view line; lines.next(line);) {
    if (lines.number() == 1 && line.starts_with("#version")) continue;
    if (line.empty() && lines.at_end()) break;
    const std::size_t space = std::min(line.find(' '), line.size());
    const auto left = unicode::from_byte_alphabet(line.substr(0, space));
    const auto right = unicode::from_byte_alphabet(line.substr(std::min(space + 1, line.size())));
    if (!left || !right || left->empty() || right->empty())
      fail(where, fmt::format("line {} must be two tokens with a space between, got {} bytes that "
                              "are not",
                              lines.number(), line.size()));
    const auto [same, is_new] = first_line.try_emplace(std::string(line), lines.number());
    if (!is_new)
      fail(where,
           fmt::format("line {} is there twice, first as line {}", lines.number(), same->second));
    merges.emplace_back(*left, *right);
  }
  return merges;
}

std::shared_ptr<const bpe::BpeTokenizer> parse_vocab_and_merges(const VocabAndMerges& files,
                                                                const std::string& where) {
  try {
    return bpe::make_bpe_tokenizer(build(files, where), split::gpt2_splitter(), files.settings.eos);
  } catch (const Error& error) {
    throw with_source(error, where + "vocab.json");
  }
}

}  // namespace stemma::tokenizer_files

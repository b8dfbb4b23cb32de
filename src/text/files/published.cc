#include "text/files/published.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "text/files/embedded_tables.h"
#include "text/files/hugging_face.h"
#include "text/gpt1/gpt1_tokenizer.h"
#include "text/split/splitter.h"
#include "text/unicode/byte_alphabet.h"
#include "text/unicode/utf8.h"

namespace stemma::tokenizer_files {
namespace {

constexpr std::string_view kTransformersGpt1 = "openai-gpt", kOpenAiGpt1 = "gpt1";

enum class Table : std::uint8_t { merges, r50k, p50k, cl100k, o200k };

struct Encoding {
  std::string_view name;
  Table table;
  const split::Splitter& (*splitter)();
  std::vector<std::pair<std::string, std::int32_t>> special_tokens;
};

std::vector<std::pair<std::string, std::int32_t>> harmony_tokens() {
  std::vector<std::pair<std::string, std::int32_t>> tokens = {
      {"<|startoftext|>", 199998}, {"<|endoftext|>", 199999}, {"<|return|>", 200002},
      {"<|constrain|>", 200003},   {"<|channel|>", 200005},   {"<|start|>", 200006},
      {"<|end|>", 200007},         {"<|message|>", 200008},   {"<|call|>", 200012},
      {"<|endofprompt|>", 200018}};
  std::vector<bool> named(201088);
  for (const auto& [name, id] : tokens) named[id] = true;
  for (std::int32_t id = 200000; id < 201088; ++id)
    if (!named[id]) tokens.emplace_back(fmt::format("<|reserved_{}|>", id), id);
  return tokens;
}

std::vector<Encoding> encodings() {
  const std::pair<std::string, std::int32_t> end_of_text = {"<|endoftext|>", 50256};
  return {
      {"gpt2", Table::merges, split::gpt2_splitter, {end_of_text}},
      {"r50k_base", Table::r50k, split::gpt2_splitter, {end_of_text}},
      {"p50k_base", Table::p50k, split::gpt2_splitter, {end_of_text}},
      {"p50k_edit",
       Table::p50k,
       split::gpt2_splitter,
       {end_of_text,
        {"<|fim_prefix|>", 50281},
        {"<|fim_middle|>", 50282},
        {"<|fim_suffix|>", 50283}}},
      {"cl100k_base",
       Table::cl100k,
       split::cl100k_splitter,
       {{"<|endoftext|>", 100257},
        {"<|fim_prefix|>", 100258},
        {"<|fim_middle|>", 100259},
        {"<|fim_suffix|>", 100260},
        {"<|endofprompt|>", 100276}}},
      {"o200k_base",
       Table::o200k,
       split::o200k_splitter,
       {{"<|endoftext|>", 199999}, {"<|endofprompt|>", 200018}}},
      {"o200k_harmony", Table::o200k, split::o200k_splitter, harmony_tokens()},
  };
}

std::vector<std::pair<std::string, std::string>> gpt2_merges() {
  return parse_merges(embedded_table(EmbeddedTable::gpt2_merges), "gpt2");
}

// By id: bytes in the order of their letters, then the results of the merges.
std::vector<std::string> gpt2_tokens() {
  std::vector<std::string> tokens;
  for (const std::uint8_t byte : unicode::byte_alphabet_order())
    tokens.emplace_back(1, static_cast<char>(byte));
  for (const auto& [left, right] : gpt2_merges()) tokens.push_back(left + right);
  return tokens;
}

// By id: for each token its length in a byte, then its bytes.
std::vector<std::string> listed_tokens(EmbeddedTable table) {
  const std::string list = embedded_table(table);
  std::vector<std::string> tokens;
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t length = static_cast<unsigned char>(list[at]);
    if (length == 0 || at + 1 + length > list.size()) fail_damaged_table();
    tokens.push_back(list.substr(at + 1, length));
    at += 1 + length;
  }
  return tokens;
}

std::vector<std::string> tokens_of(Table table) {
  if (table == Table::cl100k) return listed_tokens(EmbeddedTable::cl100k_tokens);
  if (table == Table::o200k) return listed_tokens(EmbeddedTable::o200k_tokens);
  std::vector<std::string> tokens = gpt2_tokens();
  if (table == Table::p50k) {
    tokens.emplace_back();  // 50256 is <|endoftext|>
    for (std::size_t spaces = 2; spaces <= 25; ++spaces) tokens.emplace_back(spaces, ' ');
  }
  return tokens;
}

std::size_t count_of(Table table) {
  switch (table) {
    case Table::p50k:
      return 50280;
    case Table::cl100k:
      return 100256;
    case Table::o200k:
      return 199998;
    default:
      return 50256;
  }
}

bpe::BpeVocabulary vocabulary_of(const Encoding& encoding) {
  const std::vector<std::string> tokens = tokens_of(encoding.table);
  bpe::VocabularyBuilder builder(std::string(encoding.name), {tokens.size() + 1024, tokens.size()});
  for (std::size_t id = 0; id < tokens.size(); ++id)
    if (!tokens[id].empty()) builder.add_token(tokens[id], static_cast<std::int64_t>(id));
  if (encoding.table == Table::merges)
    for (const auto& [left, right] : gpt2_merges()) builder.add_merge(left, right);
  else
    builder.merge_by_tokens();
  for (const auto& [name, id] : encoding.special_tokens) builder.add_special(name, id);
  return builder.finish();
}

// The table: the characters by id in its first line, then the merges by rank. Ids are <unk>, the
// characters within a word, those at its end, what the merges make, the end of a line.
gpt1::Gpt1Vocabulary gpt1_vocabulary() {
  constexpr std::size_t kTokens = 40478;
  const std::string table = embedded_table(EmbeddedTable::gpt1_merges);
  std::string_view rest = table;
  const auto next_line = [&] {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    return line;
  };
  gpt1::Gpt1VocabularyBuilder builder("gpt1/", kTokens);
  std::int64_t id = 0;
  builder.add_token("<unk>", id++);
  const std::string_view characters = next_line();
  for (const std::string_view behind : {std::string_view(), gpt1::kWordEnd}) {
    std::size_t length = 0;
    for (std::size_t place = 0; place < characters.size(); place += length) {
      char32_t c = 0;
      length = std::max<std::size_t>(unicode::decode_utf8(characters.substr(place), c), 1);
      builder.add_token(std::string(characters.substr(place, length)).append(behind), id++);
    }
  }
  while (!rest.empty()) {
    const std::string_view line = next_line();
    const std::size_t space = std::min(line.find(' '), line.size() - 1);
    const std::string_view left = line.substr(0, space), right = line.substr(space + 1);
    builder.add_token(std::string(left).append(right), id++);
    builder.add_merge(left, right);
  }
  builder.add_token("\n</w>", id++);
  return builder.finish({}, "");
}

}  // namespace

std::shared_ptr<const bpe::BpeTokenizer> published_tokenizer(std::string_view name) {
  for (const Encoding& encoding : encodings()) {
    if (encoding.name == name)
      return bpe::make_bpe_tokenizer(vocabulary_of(encoding), encoding.splitter());
  }
  return nullptr;
}

std::shared_ptr<const Tokenizer> published_gpt1(std::string_view name) {
  if (name != kTransformersGpt1 && name != kOpenAiGpt1) return nullptr;
  gpt1::Gpt1Vocabulary vocabulary = gpt1_vocabulary();
  if (name == kOpenAiGpt1) vocabulary.lower_case = gpt1::Gpt1LowerCase::of_words;
  return std::make_shared<gpt1::Gpt1Tokenizer>(std::move(vocabulary));
}

std::optional<EncodingRules> published_rules(std::string_view name) {
  for (const Encoding& encoding : encodings())
    if (encoding.name == name)
      return EncodingRules{encoding.splitter(), encoding.special_tokens, count_of(encoding.table)};
  return std::nullopt;
}

std::vector<std::string> published_names() {
  std::vector<std::string> names{std::string(kTransformersGpt1), std::string(kOpenAiGpt1)};
  for (const Encoding& encoding : encodings()) names.emplace_back(encoding.name);
  return names;
}

}  // namespace stemma::tokenizer_files

#include "text/published.h"

#include <array>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <zstd.h>

#include "base/error.h"
#include "text/byte_alphabet.h"
#include "text/hugging_face.h"
#include "text/splitter.h"

// The compressed tables (tables/README.md) as they lie in the source tree.
// NOLINTNEXTLINE(bugprone-macro-parentheses)
#define STEMMA_EMBED(symbol, file)                   \
  __asm__(                                           \
      ".pushsection .rodata, \"a\"\n"                \
      ".global " #symbol                             \
      "\n"                                           \
      ".global " #symbol "_end\n" #symbol            \
      ":\n"                                          \
      ".incbin \"" STEMMA_TABLES file "\"\n" #symbol \
      "_end:\n"                                      \
      ".byte 0\n"                                    \
      ".popsection\n");                              \
  extern "C" const char symbol[];                    \
  extern "C" const char symbol##_end[];
STEMMA_EMBED(stemma_gpt2_merges, "/gpt2_merges.txt.zst")
STEMMA_EMBED(stemma_cl100k_tokens, "/cl100k_tokens.zst")
STEMMA_EMBED(stemma_o200k_tokens, "/o200k_tokens.zst")

namespace stemma {
namespace {

enum class Table : std::uint8_t { merges, r50k, p50k, cl100k, o200k };

struct Encoding {
  std::string_view name;
  Table table;
  const Splitter& (*splitter)();
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
      {"gpt2", Table::merges, gpt2_splitter, {end_of_text}},
      {"r50k_base", Table::r50k, gpt2_splitter, {end_of_text}},
      {"p50k_base", Table::p50k, gpt2_splitter, {end_of_text}},
      {"p50k_edit",
       Table::p50k,
       gpt2_splitter,
       {end_of_text,
        {"<|fim_prefix|>", 50281},
        {"<|fim_middle|>", 50282},
        {"<|fim_suffix|>", 50283}}},
      {"cl100k_base",
       Table::cl100k,
       cl100k_splitter,
       {{"<|endoftext|>", 100257},
        {"<|fim_prefix|>", 100258},
        {"<|fim_middle|>", 100259},
        {"<|fim_suffix|>", 100260},
        {"<|endofprompt|>", 100276}}},
      {"o200k_base",
       Table::o200k,
       o200k_splitter,
       {{"<|endoftext|>", 199999}, {"<|endofprompt|>", 200018}}},
      {"o200k_harmony", Table::o200k, o200k_splitter, harmony_tokens()},
  };
}

[[noreturn]] void fail_damaged() {
  throw Error(ErrorCode::internal, "[tokenizer] the vocabulary inside this program is damaged");
}

std::string unpacked(const char* begin, const char* end) {
  const auto size = static_cast<std::size_t>(end - begin);
  const unsigned long long whole = ZSTD_getFrameContentSize(begin, size);
  std::string text(whole < (4u << 20) ? whole : 0, '\0');
  const std::size_t got = ZSTD_decompress(text.data(), text.size(), begin, size);
  if (ZSTD_isError(got) || got != text.size() || text.empty()) fail_damaged();
  return text;
}

std::vector<std::pair<std::string, std::string>> gpt2_merges() {
  return parse_merges(unpacked(stemma_gpt2_merges, stemma_gpt2_merges_end), "gpt2");
}

// By id: bytes in the order of their letters, then the results of the merges.
std::vector<std::string> gpt2_tokens() {
  std::vector<std::string> tokens;
  for (const std::uint8_t byte : byte_alphabet_order())
    tokens.emplace_back(1, static_cast<char>(byte));
  for (const auto& [left, right] : gpt2_merges()) tokens.push_back(left + right);
  return tokens;
}

// By id: for each token its length in a byte, then its bytes.
std::vector<std::string> listed_tokens(const char* begin, const char* end) {
  const std::string list = unpacked(begin, end);
  std::vector<std::string> tokens;
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t length = static_cast<unsigned char>(list[at]);
    if (length == 0 || at + 1 + length > list.size()) fail_damaged();
    tokens.push_back(list.substr(at + 1, length));
    at += 1 + length;
  }
  return tokens;
}

std::vector<std::string> tokens_of(Table table) {
  if (table == Table::cl100k) return listed_tokens(stemma_cl100k_tokens, stemma_cl100k_tokens_end);
  if (table == Table::o200k) return listed_tokens(stemma_o200k_tokens, stemma_o200k_tokens_end);
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

BpeVocabulary vocabulary_of(const Encoding& encoding) {
  const std::vector<std::string> tokens = tokens_of(encoding.table);
  VocabularyBuilder builder(std::string(encoding.name), {tokens.size() + 1024, tokens.size()});
  for (std::size_t id = 0; id < tokens.size(); ++id)
    if (!tokens[id].empty()) builder.add_token(tokens[id], static_cast<std::int64_t>(id));
  if (encoding.table == Table::merges)
    for (const auto& [left, right] : gpt2_merges()) builder.add_merge(left, right);
  else
    builder.merge_by_tokens();
  for (const auto& [name, id] : encoding.special_tokens) builder.add_special(name, id);
  return builder.finish();
}

}  // namespace

std::shared_ptr<const BpeTokenizer> published_tokenizer(std::string_view name) {
  for (const Encoding& encoding : encodings()) {
    if (encoding.name == name)
      return make_bpe_tokenizer(vocabulary_of(encoding), encoding.splitter());
  }
  return nullptr;
}

std::optional<EncodingRules> published_rules(std::string_view name) {
  for (const Encoding& encoding : encodings())
    if (encoding.name == name)
      return EncodingRules{encoding.splitter(), encoding.special_tokens, count_of(encoding.table)};
  return std::nullopt;
}

std::string published_names() {
  std::string names;
  for (const Encoding& encoding : encodings())
    names.append(names.empty() ? "" : ", ").append(encoding.name);
  return names;
}

}  // namespace stemma

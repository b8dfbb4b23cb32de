#include "text/files/tiktoken_file.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "text/bpe/merging_by_tokens.h"
#include "text/files/base64.h"
#include "text/files/json_error.h"
#include "text/files/published.h"
#include "text/files/text_file.h"

namespace stemma::tokenizer_files {
namespace {

// tiktoken's spellings of patterns that splitter.h has in Hugging Face's (tiktoken_ext/
// openai_public.py). Possessive quantifiers only save a regex engine time.
constexpr std::string_view kTiktokenGpt2 =
    R"('(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s)";
constexpr std::string_view kTiktokenCl100k =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+)"
    R"(| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s)";

[[noreturn]] void fail_tiktoken(const std::string& where, const std::string& what) {
  throw Error(ErrorCode::corrupt, fmt::format("[{}] {}", where, what));
}

void set_splitter(TiktokenRules& rules, const std::string& pattern, const std::string& where) {
  rules.joins_last_lines = pattern == kTiktokenCl100k;
  rules.splitter = pattern == kTiktokenGpt2     ? &split::gpt2_splitter()
                   : pattern == kTiktokenCl100k ? &split::cl100k_splitter()
                                                : split::splitter_of_pattern(pattern);
  if (rules.splitter == nullptr)
    throw Error(ErrorCode::unsupported,
                fmt::format("[{}] nothing here splits by the pattern {}; only those of gpt2, "
                            "cl100k_base and o200k_base can be read",
                            where, pattern));
}

std::filesystem::path rules_path(std::filesystem::path path) {
  return path.replace_extension(".json");
}

TiktokenRules rules_beside(const std::filesystem::path& path) {
  const std::filesystem::path beside = rules_path(path);
  if (std::filesystem::exists(beside))
    return parse_tiktoken_rules(read_tokenizer_file(beside), beside.string());
  const auto known = published_rules(path.stem().string());
  if (!known)
    throw Error(
        ErrorCode::not_found,
        fmt::format("[{0}] a .tiktoken file does not say how text is split: name it after the "
                    "encoding that it is (cl100k_base.tiktoken), or write {1} with \"pat_str\" "
                    "and \"special_tokens\"",
                    path.string(), beside.string()));
  TiktokenRules rules;
  rules.splitter = &known->splitter;
  rules.special_tokens = known->special_tokens;
  rules.tokens = static_cast<std::int64_t>(known->tokens);
  return rules;
}

// One line of the file.
struct RankedToken {
  std::string_view base64;
  std::int64_t rank = 0;
};

RankedToken parse_line(std::string_view line, const auto& fail) {
  const std::size_t space = line.find(' ');
  if (space == 0 || space == line.npos) fail("must be a token in base64, a space and a rank");
  const std::string_view digits = line.substr(space + 1);
  RankedToken token{line.substr(0, space)};
  const char* const end = digits.data() + digits.size();
  const auto [stopped, problem] = std::from_chars(digits.data(), end, token.rank);
  if (problem != std::errc() || stopped != end || token.rank < 0)
    fail("must end with a rank, a number of at least 0");
  return token;
}

void add_tokens(std::string_view text, bpe::VocabularyBuilder& builder, const std::string& where) {
  LineReader lines(text);
  const auto fail = [&](const char* what) {
    fail_tiktoken(where, fmt::format("line {} {}", lines.number(), what));
  };
  std::string bytes;
  for (std::string_view line; lines.next(line);) {
    const RankedToken token = parse_line(line, fail);
    if (!decode_base64(token.base64, bytes)) fail("has a token that is not base64");
    builder.add_token(bytes, token.rank);
  }
}

// The first id below the largest token's that has none, special or not.
std::optional<std::size_t> missing_rank(const bpe::BpeVocabulary& vocabulary) {
  const std::vector<bool> special = vocabulary.special_ids();
  std::optional<std::size_t> missing;
  for (std::size_t id = 0; id < special.size(); ++id) {
    const bool empty = vocabulary.tokens[id].empty();
    if (!empty && !special[id] && missing) return missing;
    if (empty && !missing) missing = id;
  }
  return std::nullopt;
}

// Where the pattern keeps white space with a line end inside in one piece, the splitter cuts it:
// the same ids unless a token reaches across.
void check_last_lines(const bpe::BpeVocabulary& vocabulary, const std::string& where) {
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string_view token = vocabulary.tokens[id];
    const std::size_t behind = token.find_last_of("\r\n") + 1;  // npos + 1 = 0
    // The first bytes of white space other than line ends.
    if (behind > 0 && token.find_first_of("\t\v\f \xC2\xE1\xE2\xE3", behind) == behind &&
        behind < token.size())
      throw Error(ErrorCode::unsupported,
                  fmt::format("[{}] the token of rank {} has white space behind a line end, which "
                              "tiktoken's pattern of cl100k_base would join at the end of a text; "
                              "write the pattern as {}",
                              where, id, split::cl100k_splitter().pattern()));
  }
}

std::string tiktoken_text(const bpe::BpeVocabulary& vocabulary) {
  const std::vector<bool> special = vocabulary.special_ids();
  std::string text;
  for (std::size_t id = 0; id < special.size(); ++id) {
    if (special[id] || vocabulary.tokens[id].empty()) continue;
    append_base64(vocabulary.tokens[id], text);
    fmt::format_to(std::back_inserter(text), " {}\n", id);
  }
  return text;
}

// What is there may be replaced only where it is of this kind: NAME.json may be anything.
void check_own_rules(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return;
  try {
    parse_tiktoken_rules(read_tokenizer_file(path), path.string());
  } catch (const Error&) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[{0}] the file is there, and the rules of the .tiktoken file would take "
                    "its place; give another name or move it",
                    path.string()));
  }
}

std::string rules_text(const bpe::BpeTokenizer& tokenizer, const std::string& name) {
  Json specials = Json::object();
  for (const auto& [token, id] : tokenizer.special_tokens()) specials.set(token, id);
  Json rules = Json::object({{"name", name},
                             {"pat_str", std::string(tokenizer.splitter().pattern())},
                             {"special_tokens", specials}});
  const lookup::TokenList& tokens = tokenizer.vocabulary().tokens;
  bool dense = true;
  for (std::size_t id = 0; id < tokens.size(); ++id) dense = dense && !tokens[id].empty();
  if (dense) rules.set("explicit_n_vocab", tokenizer.vocab_size());
  if (const auto end = tokenizer.end_of_text())
    rules.set("eos_token", std::string(tokenizer.bytes_of(*end)));
  return rules.dump(2) + "\n";
}

}  // namespace

TiktokenRules parse_tiktoken_rules(std::string_view text, const std::string& where) {
  const Json root = Json::parse(text, where);
  try {
    TiktokenRules rules;
    set_splitter(rules, root.at("pat_str").as_string(), where);
    for (const auto& [name, id] : root.at("special_tokens").as_object()) {
      const std::int64_t value = id.as_int();
      if (value < 0 || value >= 1 << 30)
        fail_tiktoken(where, fmt::format("the id of '{}' must be at least 0 and below 2^30, got {}",
                                         name, value));
      rules.special_tokens.emplace_back(name, static_cast<std::int32_t>(value));
    }
    rules.eos_name = root.get("eos_token", "");
    const Json* ids = root.find("explicit_n_vocab");
    if (ids != nullptr && !ids->is_null()) {
      if (ids->as_int() < 0)
        fail_tiktoken(where,
                      fmt::format("explicit_n_vocab must be at least 0, got {}", ids->as_int()));
      rules.tokens = ids->as_int() - static_cast<std::int64_t>(rules.special_tokens.size());
    }
    return rules;
  } catch (const Error& error) {
    throw with_source(error, where);
  }
}

std::shared_ptr<const bpe::BpeTokenizer> parse_tiktoken(std::string_view text,
                                                        const TiktokenRules& rules,
                                                        const std::string& where) {
  check_plain_text(text, where);
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) +
                     (text.empty() || text.ends_with('\n') ? 0 : 1);
  if (rules.tokens && *rules.tokens != static_cast<std::int64_t>(lines))
    fail_tiktoken(where, fmt::format("the file must have {} lines, a token each, has {}",
                                     *rules.tokens, lines));
  bpe::VocabularyBuilder builder(where, {.tokens = lines + rules.special_tokens.size()});
  add_tokens(text, builder, where);
  builder.merge_by_tokens();
  for (const auto& [name, id] : rules.special_tokens) builder.add_special(name, id);
  bpe::BpeVocabulary vocabulary = builder.finish();
  if (const auto missing = missing_rank(vocabulary))
    fail_tiktoken(where, fmt::format("rank {} is missing: a line is lost", *missing));
  if (rules.joins_last_lines) check_last_lines(vocabulary, where);
  return bpe::make_bpe_tokenizer(std::move(vocabulary), *rules.splitter, rules.eos_name);
}

std::shared_ptr<const bpe::BpeTokenizer> read_tiktoken(const std::filesystem::path& path) {
  const std::string text = read_tokenizer_file(path);
  return parse_tiktoken(text, rules_beside(path), path.string());
}

void save_tiktoken(const bpe::BpeTokenizer& tokenizer, const std::filesystem::path& path) {
  const bpe::BpeVocabulary& vocabulary = tokenizer.vocabulary();
  const char* unsaid = vocabulary.lowercase                ? "text is put in lower case"
                       : vocabulary.prefix_space           ? "a space is put before texts"
                       : !vocabulary.added_tokens.empty()  ? "tokens are matched inside text"
                       : vocabulary.frame != plain_frame() ? "tokens are put around texts"
                                                           : nullptr;
  if (unsaid != nullptr)
    throw Error(ErrorCode::unsupported,
                fmt::format("[{}] a .tiktoken file cannot say that {}; write a folder instead",
                            path.string(), unsaid));
  for (const auto& [name, id] : vocabulary.special_tokens)
    if (const std::string_view flag = vocabulary.flag_of_special(id); !flag.empty())
      throw Error(ErrorCode::unsupported,
                  fmt::format("[{}] a .tiktoken file cannot say that special token '{}' has {}; "
                              "write a folder instead",
                              path.string(), name, flag));
  const std::string difference = bpe::difference_from_merging_by_tokens(vocabulary);
  if (!difference.empty())
    throw Error(ErrorCode::unsupported,
                fmt::format("[{}] a .tiktoken file cannot say what this list of merges says: {}; "
                            "write a folder instead",
                            path.string(), difference));
  if (const auto missing = missing_rank(vocabulary))
    throw Error(ErrorCode::unsupported,
                fmt::format("[{}] a .tiktoken file needs a token for every id, {} has none; write "
                            "a folder instead",
                            path.string(), *missing));
  if (std::filesystem::is_directory(path))
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[{}] this is a folder: give the .tiktoken file another name", path.string()));
  check_own_rules(rules_path(path));
  for (const auto& [file, text] :
       {std::pair(rules_path(path), rules_text(tokenizer, path.stem().string())),
        std::pair(path, tiktoken_text(vocabulary))}) {
    AtomicFile out(file);
    out.write(text);
    out.commit();
  }
}

}  // namespace stemma::tokenizer_files

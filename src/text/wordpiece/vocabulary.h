// The data of a WordPiece tokenizer (BERT's), and the one place that checks it.
//
//   VocabularyBuilder builder("vocab.txt", 30522);
//   builder.add_token("[PAD]", 0); ...
//   builder.add_token("##ing", 2075);
//   Vocabulary vocabulary = builder.finish({}, {});
//
// Tokens are as files write them: one that goes on with a word begins with "##".
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/bpe/bpe_vocabulary.h"
#include "text/frame.h"
#include "text/lookup/string_map.h"
#include "text/lookup/token_list.h"
#include "text/wordpiece/word_cutter.h"

namespace stemma::wordpiece {

// [CLS] A [SEP] and [CLS] A [SEP] B [SEP]; segment 0 up to the first [SEP], then 1.
Frame bert_frame(std::int32_t cls, std::int32_t sep);

// How the five special tokens are called.
struct SpecialNames {
  std::string pad = "[PAD]", unknown = "[UNK]", cls = "[CLS]", sep = "[SEP]", mask = "[MASK]";
  std::string end;  // the token that separates documents; empty: none
};

struct Options {
  TextOptions text;
  std::string prefix = "##";       // of tokens that go on with a word; not empty
  std::size_t longest_word = 100;  // characters; a longer word is unknown
  bool cleanup = true;             // decode() joins " ." to "." and the like
};
// Words are at most so long that encoding stays linear, whatever a file says.
inline constexpr std::size_t kLongestWord = 1000;

struct Vocabulary {
  lookup::TokenList tokens;
  Options options;
  Frame frame;
  SpecialNames names;
  std::int32_t pad = 0, unknown = 0, cls = 0, sep = 0, mask = 0;
  std::optional<std::int32_t> end_of_text;
  std::string settings = "{}";  // the keys of tokenizer_config.json that only copies need
  std::vector<std::pair<std::string, std::int32_t>> special_tokens;  // by id; also in `tokens`
  std::map<std::int32_t, bpe::SpecialFlags> special_flags;           // of those that have any

  // What of its flags changes ids, as its file names it; empty: nothing.
  std::string_view flag_of_special(std::int32_t id) const;
};

// Every function throws corrupt, starting with [where], for what contradicts what came before: an
// id that is negative or far above the number of tokens, an id or a token given twice, a token that
// is empty or not UTF-8.
class VocabularyBuilder {
 public:
  // tokens: how many there will be. Ids must be below 2·tokens + 1024, so that no id asks for
  // memory out of proportion to its file.
  VocabularyBuilder(std::string where, std::size_t tokens);

  void add_token(std::string_view token, std::int64_t id);
  // The token may have been added before, with the same id.
  void add_special(std::string_view name, std::int64_t id, const bpe::SpecialFlags& flags = {});
  // -1 where there is no such token.
  std::int32_t find(std::string_view token) const;
  bool has_id(std::int64_t id) const;
  bool is_special(std::string_view token) const;
  // Above all that were added.
  std::int64_t next_id() const;

  // Throws corrupt where one of the five special tokens is missing, and names each. The frame is
  // bert_frame(). The builder is empty afterwards.
  Vocabulary finish(Options options, SpecialNames names);

 private:
  [[noreturn]] void fail(const std::string& what) const;

  std::string where_;
  std::int64_t id_limit_;
  Vocabulary vocabulary_;
  lookup::StringMap<std::int32_t> index_;
  lookup::StringMap<std::int32_t> specials_;
};

}  // namespace stemma::wordpiece

// The data of a byte-level BPE encoding (tokens, merges, special tokens), and the builder that
// checks it. Every reader of files uses the builder, so the checks are in one place.
//
//   VocabularyBuilder builder("vocab.json", {.tokens = 50257, .merges = 50000});
//   builder.add_token("a", 0); ...
//   builder.add_merge("a", "b");                 // in order of rank
//   builder.add_special("<|endoftext|>", 50256);
//   BpeVocabulary vocabulary = builder.finish();
//
// Tokens and merges are plain bytes here. The readers have decoded the alphabet that files use for
// them (text/unicode/byte_alphabet.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/frame.h"
#include "text/lookup/pair_map.h"
#include "text/lookup/token_list.h"
#include "text/lookup/token_table.h"

namespace stemma::bpe {

struct BpeMerge {
  std::int32_t left = 0, right = 0;
  std::int32_t result = 0;  // its bytes are those of left, then right
};

// What Hugging Face does beside a special token where it stands in a text.
struct SpecialFlags {
  bool single_word = false, lstrip = false, rstrip = false;
  bool normalized = false;  // looked for after the text was put in lower case

  bool operator==(const SpecialFlags&) const = default;
};

struct BpeVocabulary {
  lookup::TokenList tokens;
  std::vector<BpeMerge> merges;  // by rank: lower ranks merge first
  // tiktoken's rule instead of `merges`, which is empty: whatever two neighbours join to a token
  // may merge, the lowest id first; and a piece that is a token is that token.
  bool by_tokens = false;
  bool lowercase = false;  // text is put in lower case (lowercase.h) before it is split
  // With `merges`: a piece that is a token is that token, whatever they make of it (Hugging Face's
  // ignore_merges).
  bool whole_pieces = false;
  std::vector<std::pair<std::string, std::int32_t>> special_tokens;  // by id; also in `tokens`
  std::map<std::int32_t, SpecialFlags> special_flags;                // of those that have any
  // The bytes that are no token. Text loses them once it is split, before its pieces are merged, as
  // in Hugging Face's BPE without unk_token: where "\x04" is none, "(\x04)" encodes as "()".
  std::string missing_bytes;
  // By transformers' names ("bos_token"), the parts that special tokens play. None: bos, eos and
  // unk are the token between documents, as in GPT-2.
  std::map<std::string, std::int32_t> roles;
  std::string chat_template;  // Jinja; empty: none
  // (name, id) of tokens that are found in every text before it is split; by id, and in `tokens`.
  // What is between them is encoded by itself.
  std::vector<std::pair<std::string, std::int32_t>> added_tokens;
  // A space is put before what does not begin with one (Hugging Face's add_prefix_space).
  bool prefix_space = false;
  Frame frame = plain_frame();  // what models expect around texts
  std::string settings = "{}";  // the keys of tokenizer_config.json that only copies need

  // By id: whether the token is special.
  std::vector<bool> special_ids() const;
  // What of its flags changes ids, as its file names it; empty: nothing.
  std::string_view flag_of_special(std::int32_t id) const;
};

// The merges that a file must list to mean the same: `merges`, or by tokens every pair that joins
// to one, in the order of what they make.
std::vector<BpeMerge> listed_merges(const BpeVocabulary& vocabulary);

// BpeVocabulary::roles of names, without those that are no token of the vocabulary. A token of
// ordinary text may play a part too.
std::map<std::string, std::int32_t> roles_of(const BpeVocabulary& vocabulary,
                                             const std::map<std::string, std::string>& names);

// The token that plays a part, where it is wanted and there is one.
std::optional<std::int32_t> id_of_role(const BpeVocabulary& vocabulary, bool wanted,
                                       const std::string& role);

// The id of the token that separates documents: `eos_name` or, where that is empty or unknown,
// <|endoftext|>, if they are among the special tokens.
std::optional<std::int32_t> separator_of(
    const std::vector<std::pair<std::string, std::int32_t>>& special_tokens,
    std::string_view eos_name);

// Whether a name is written as special tokens are in files that cannot say it otherwise: <...>.
inline bool has_special_form(std::string_view name) {
  return name.size() > 2 && name.front() == '<' && name.back() == '>';
}

// What both trainers ask of the names of special tokens: at least two bytes of UTF-8, none twice.
// Throws invalid_argument, starting with [where].
void check_special_names(const std::vector<std::string>& names, std::string_view where);

// Every function throws corrupt, starting with `where`, when its argument contradicts what came
// before: an id that is negative or far above the number of tokens, an id or a token given twice,
// an empty token, a merge of unknown tokens or to an unknown token, a merge given twice.
class VocabularyBuilder {
 public:
  // How many there will be. Ids must be below 2·tokens + 1024, so that no id asks for memory out of
  // proportion to its file.
  struct Sizes {
    std::size_t tokens = 0, merges = 0;
  };
  VocabularyBuilder(std::string where, Sizes sizes);

  void add_token(std::string_view bytes, std::int64_t id);
  // A token that text never yields. The id may be that of the same token, added before.
  void add_special(std::string_view name, std::int64_t id);
  // A token that every text yields where its name stands (BpeVocabulary::added_tokens).
  void add_added(std::string_view name, std::int64_t id);
  // After all merges. Special tokens of which files say only the names: each has the id of its name
  // or, where that has none, the next one. Those that text yields are passed over.
  void add_named_specials(std::span<const std::string> names);
  // After all tokens.
  void add_merge(std::string_view left, std::string_view right);
  // Instead of merges: BpeVocabulary::by_tokens.
  void merge_by_tokens() { vocabulary_.by_tokens = true; }
  // BpeVocabulary::whole_pieces.
  void keep_whole_pieces() { vocabulary_.whole_pieces = true; }

  // BpeVocabulary::missing_bytes; not those of printable ASCII, tab and line feed, without which a
  // vocabulary is damaged.
  void allow_missing_bytes() { allows_missing_bytes_ = true; }

  // Also checks that all 256 bytes are tokens, unless some may be missing. Throws unsupported when
  // a special token can come from text. The builder is empty afterwards.
  BpeVocabulary finish();
  // The tokens that are no bytes, no special tokens and not made by any merge. Not for
  // merge_by_tokens(), where text can yield every token.
  std::vector<std::int32_t> unreachable_tokens() const;

 private:
  std::int32_t checked_id(std::string_view token, std::int64_t id) const;
  bool is_special(std::int32_t id) const;
  void store(std::string_view bytes, std::int32_t id);
  std::vector<bool> reachable_ids() const;

  std::string where_;
  std::int64_t id_limit_;
  bool allows_missing_bytes_ = false;
  BpeVocabulary vocabulary_;
  lookup::TokenTable index_;
  lookup::PairMap<bool> merged_;
  std::vector<bool> is_special_;             // by id
  std::vector<std::int32_t> also_ordinary_;  // special tokens that add_token() had added
  std::string result_;                       // of add_merge(), kept for its memory
};

}  // namespace stemma::bpe

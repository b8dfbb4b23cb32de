#include "text/gpt1/gpt1_tokenizer.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "base/error.h"
#include "text/bpe/reserve_ids.h"
#include "text/cleaning/fix_text.h"
#include "text/gpt1/gpt1_files.h"
#include "text/gpt1/gpt1_text.h"
#include "text/lookup/piece_cache.h"
#include "text/lookup/word_cache.h"
#include "text/split/english_splitter.h"
#include "text/unicode/python_text.h"

namespace stemma::gpt1 {
namespace {

constexpr std::string_view kLineToken = "\n</w>";

// Encodes one prepared text; remembers the ids of its chunks.
class Gpt1Encoder {
 public:
  Gpt1Encoder(std::string_view text, const WordMerger& merger, lookup::WordCache& words,
              std::int32_t line, std::vector<std::int32_t>& ids)
      : text_(text), merger_(merger), words_(words), line_(line), ids_(ids), pieces_(text.size()) {}

  void encode() {
    for (std::size_t place = 0; place < text_.size();) {
      const std::string_view chunk = split::EnglishSplitter::next_chunk(text_, place);
      if (chunk.front() == '\n')
        ids_.push_back(line_);
      else if (chunk.size() <= lookup::kMaxWordBytes)
        encode_short(chunk);
      else
        encode_other(chunk);
    }
  }

 private:
  void encode_short(std::string_view chunk) {
    const lookup::WordKey key =
        lookup::WordKey::of(chunk.data(), chunk.size(), text_.data() + text_.size());
    lookup::WordCache::Set& set = words_.set_of(key);
    const std::size_t first = ids_.size();
    ids_.resize(first + lookup::WordCache::kMaxIds + 1);
    const std::size_t count = set.find(key, &ids_[first]);
    ids_.resize(first + count);
    if (count == 0 && encode_new(chunk)) set.insert(key, std::span(ids_).subspan(first));
  }

  void encode_other(std::string_view chunk) {
    lookup::PieceCache::Entry& known = pieces_.entry_of(chunk);
    const std::size_t first = ids_.size();
    if (known.piece == chunk) {
      ids_.resize(first + known.count);
      std::copy_n(ids_.begin() + static_cast<std::ptrdiff_t>(known.first_id), known.count,
                  ids_.begin() + static_cast<std::ptrdiff_t>(first));
    } else if (encode_new(chunk)) {
      known = {chunk, first, ids_.size() - first};
    }
  }

  // True where the chunk has these ids in any text.
  bool encode_new(std::string_view chunk) {
    tokens_.clear();
    const bool settled = split::english_splitter().split_chunk(chunk, tokens_);
    if (!settled) {
      tokens_.clear();
      split::english_splitter().split_chunk_in(text_, chunk, tokens_);
    }
    for (const std::string_view token : tokens_) {
      lower_.clear();
      unicode::append_python_lower(token, lower_);
      merger_.merge(lower_, ids_);
    }
    return settled;
  }

  std::string_view text_;
  const WordMerger& merger_;
  lookup::WordCache& words_;
  std::int32_t line_;
  std::vector<std::int32_t>& ids_;
  lookup::PieceCache pieces_;
  std::vector<std::string_view> tokens_;
  std::string lower_;
};

std::string text_of_token(std::string_view token) {
  std::string text;
  for (;;) {
    const std::size_t end = token.find(kWordEnd);
    text += token.substr(0, end);
    if (end == token.npos) return text;
    text += ' ';
    token.remove_prefix(end + kWordEnd.size());
  }
}

}  // namespace

Gpt1Tokenizer::Gpt1Tokenizer(Gpt1Vocabulary vocabulary)
    : vocabulary_(std::move(vocabulary)),
      merger_(vocabulary_),
      words_(std::make_unique<lookup::WordCache>(vocabulary_.tokens.size())),
      line_(vocabulary_.unknown) {
  const lookup::TokenList& tokens = vocabulary_.tokens;
  texts_.reserve(tokens.size());
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (tokens[id] == kLineToken) line_ = static_cast<std::int32_t>(id);
    if (!tokens[id].empty()) texts_.set(id, text_of_token(tokens[id]));
  }
}

Gpt1Tokenizer::~Gpt1Tokenizer() = default;

void Gpt1Tokenizer::encode(std::string_view text, std::vector<std::int32_t>& ids) const {
  std::string lower;
  if (vocabulary_.lower_case == Gpt1LowerCase::of_text) {
    unicode::append_python_lower_each(text, lower);
    text = lower;
  }
  const std::string prepared = standardise_gpt1(cleaning::fix_text(text));
  bpe::reserve_ids(prepared, ids);
  Gpt1Encoder(prepared, merger_, *words_, line_, ids).encode();
}

std::string_view Gpt1Tokenizer::bytes_of(std::int32_t id) const {
  return lookup::token_of(texts_, id);
}

void Gpt1Tokenizer::decode(std::span<const std::int32_t> ids, std::string& text) const {
  const std::size_t before = text.size();
  for (const std::int32_t id : ids) text += bytes_of(id);
  if (text.size() > before && text.back() == ' ') text.pop_back();
}

void Gpt1Tokenizer::save(const std::filesystem::path& folder) const {
  save_gpt1(vocabulary_, folder);
}

}  // namespace stemma::gpt1

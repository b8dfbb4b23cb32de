// Cuts English text into words and punctuation as spaCy's blank English tokenizer does (spaCy 3.8,
// spacy/tokenizer.pyx with the rules of spacy/lang/en). GPT-1's encoding begins with it.
//
//   std::vector<std::string_view> tokens;
//   english_splitter().split("Don't go, Mr. X!", tokens);   // Do n't go , Mr. X !
//
// The algorithm is spaCy's. (1) The text is cut into chunks: runs of white space and runs of other
// characters. (2) Punctuation is removed from both ends of a chunk until what is left is an
// exception (english_exceptions.h) or has no punctuation at its ends (english_affixes.h). (3) What
// is left is kept whole when it is a URL (english_url.h), otherwise it is cut at punctuation
// inside. (4) Tokens that are now neighbours and together spell an exception, such as ":" and "D",
// are replaced by the tokens of that exception (english_rejoiner.h).
//
// A single space between words is no token; other white space is. A byte that is not part of valid
// UTF-8 counts as a character that belongs to no class. Time is linear in the text. Immutable: any
// thread.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "text/split/english_exceptions.h"
#include "text/split/english_rejoiner.h"

namespace stemma::split {

class EnglishSplitter {
 public:
  EnglishSplitter();

  // Appends the tokens of `text`, as parts of it.
  void split(std::string_view text, std::vector<std::string_view>& tokens) const;

  // Returns the chunk at `place`, which is 0 or what the previous call set it to. Sets `place` to
  // the position after the chunk and after the single space that may follow a word.
  static std::string_view next_chunk(std::string_view text, std::size_t& place);
  // Appends the tokens of one chunk. Returns true when the chunk has these tokens in any text;
  // false means that they depend on its neighbours, and split() or split_chunk_in() gives them.
  bool split_chunk(std::string_view chunk, std::vector<std::string_view>& tokens) const;
  // Appends the tokens of a chunk of `text`, with regard to its neighbours.
  void split_chunk_in(std::string_view text, std::string_view chunk,
                      std::vector<std::string_view>& tokens) const;

 private:
  EnglishRejoiner rejoiner_;
};

const EnglishSplitter& english_splitter();

}  // namespace stemma::split

// Cuts English text into words and signs as spaCy's blank English tokenizer does (spaCy 3.8,
// spacy/tokenizer.pyx with the rules of spacy/lang/en). GPT-1's encoding begins with it.
//
//   std::vector<std::string_view> tokens;
//   english_splitter().split("Don't go, Mr. X!", tokens);   // Do n't go , Mr. X !
//
// A chunk is a run of white space or of other characters. Signs come off both ends of a chunk,
// until an exception (english_exceptions.h) is left or no sign; what is left is an address
// (english_url.h) or is cut at signs within it. Signs that thus came to lie side by side and are an
// exception together become that again (":" "D").
//
// Single spaces between words are no token; other white space is. A byte that is no part of valid
// UTF-8 is a character without class. Time is linear in the text. Immutable: any thread.
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

  // The chunk at `place` (0, or where the call before left it). Moves `place` behind it and the one
  // space that may follow a word.
  static std::string_view next_chunk(std::string_view text, std::size_t& place);
  // Appends the tokens of one chunk. True where they are those of the chunk in any text; otherwise
  // it is split() that says what its tokens are, from those of its neighbours.
  bool split_chunk(std::string_view chunk, std::vector<std::string_view>& tokens) const;
  // Appends the tokens of the chunk of `text`, with regard to its neighbours.
  void split_chunk_in(std::string_view text, std::string_view chunk,
                      std::vector<std::string_view>& tokens) const;

 private:
  EnglishRejoiner rejoiner_;
};

const EnglishSplitter& english_splitter();

}  // namespace stemma::split

// The words of a text as bytes of it, and the tags that spans give to them.
//
//   split_words("Mr. Müller, Köln");              // Mr | . | Müller | , | Köln
//   std::vector<ByteRange> words = split_words(text);
//   tag_spans(text, {{0, 3, "PER"}}, words, tags, "train.jsonl:7");
//
// White space separates words; a punctuation character (\p{P} and the visible ASCII that is no
// letter or digit) and an ideograph (CJK) are words of their own, as BERT cuts text. Pure
// functions: any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/labelled/rows.h"

namespace stemma::labelled {

// text: UTF-8. Ascending, none empty.
std::vector<ByteRange> split_words(std::string_view text);
// The same where words stand between white space and nothing else divides them.
std::vector<ByteRange> words_between_blanks(std::string_view text);

struct Span {
  std::int64_t begin = 0, end = 0;  // bytes
  std::string label;
};
// Tags in BIO for the words, cutting words where a span begins or ends inside one. place: for
// messages. Throws BadRow (delimited.h): a span outside the text, empty or over white space only,
// inside a character, over another span, without a label.
void tag_spans(std::string_view text, std::vector<Span> spans, std::vector<ByteRange>& words,
               std::vector<std::string>& tags, const std::string& place);

// Joins words by one blank; throws BadRow for one of white space only.
void join_words(const std::vector<std::string>& parts, std::string& text,
                std::vector<ByteRange>& words, const std::string& place);

}  // namespace stemma::labelled

// Words of texts and tags of spans.
#include "data/labelled/words.h"

#include "data/labelled/delimited.h"
#include "tests/data/labelled/support.h"

namespace stemma::labelled {
namespace {

using test::error_of;

std::string cut(const std::string& text) {
  Row row;
  row.text = text;
  row.words = split_words(text);
  return test::words_of(row);
}

TEST(Words, AreCutAtWhiteSpacePunctuationAndIdeographs) {
  EXPECT_EQ(cut("Mr. Müller, Köln"), "Mr|.|Müller|,|Köln");
  EXPECT_EQ(cut("  a\u00a0b\u3000c\n"), "a|b|c");
  EXPECT_EQ(cut("中国abc，好"), "中|国|abc|，|好");
  EXPECT_EQ(cut("don't $5"), "don|'|t|$|5");
  EXPECT_EQ(cut("Привет «мир»"), "Привет|«|мир|»");
  EXPECT_EQ(cut(" \t"), "");
}

std::string tagged(const std::string& text, std::vector<Span> spans) {
  Row row;
  row.text = text;
  row.words = split_words(text);
  tag_spans(text, std::move(spans), row.words, row.tags, "f:1");
  return test::words_of(row) + " " + test::joined(row.tags);
}

TEST(Spans, BecomeTags) {
  EXPECT_EQ(tagged("Ada met Bob Lee.", {{8, 15, "PER"}, {0, 3, "PER"}}),
            "Ada|met|Bob|Lee|. B-PER|O|B-PER|I-PER|O");
  EXPECT_EQ(tagged("in Köln", {{3, 8, "LOC"}}), "in|Köln O|B-LOC");
  EXPECT_EQ(tagged("none", {}), "none O");
}

TEST(Spans, CutTheWordsThatTheyEndIn) {
  EXPECT_EQ(tagged("preBerlinpost x", {{3, 9, "LOC"}}), "pre|Berlin|post|x O|B-LOC|O|O");
  EXPECT_EQ(tagged("abcd", {{0, 1, "A"}, {1, 3, "A"}}), "a|bc|d B-A|B-A|O");
  EXPECT_EQ(tagged("ab cd", {{1, 4, "A"}}), "a|b|c|d O|B-A|I-A|O");
}

TEST(Spans, WhatCannotBeTaggedIsABadRow) {
  const auto refusal = [](const std::string& text, std::vector<Span> spans) {
    return error_of(ErrorCode::corrupt, [&] { tagged(text, spans); });
  };
  EXPECT_NE(refusal("abc", {{0, 4, "A"}}).find("f:1: span [0, 4) 'A' must lie in the text of 3"),
            std::string::npos);
  EXPECT_NE(refusal("abc", {{-1, 2, "A"}}).find("must lie in"), std::string::npos);
  EXPECT_NE(refusal("abc", {{2, 2, "A"}}).find("end behind"), std::string::npos);
  EXPECT_NE(refusal("Köln", {{0, 2, "A"}}).find("count bytes"), std::string::npos);
  EXPECT_NE(refusal("abc d", {{0, 3, "A"}, {2, 5, "B"}}).find("overlaps span [0, 3)"),
            std::string::npos);
  EXPECT_NE(refusal("a   b", {{2, 3, "A"}}).find("white space only"), std::string::npos);
  EXPECT_NE(refusal("abc", {{0, 1, ""}}).find("a label"), std::string::npos);
}

}  // namespace
}  // namespace stemma::labelled

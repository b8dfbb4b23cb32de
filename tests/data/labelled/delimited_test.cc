// CSV and TSV cell by cell.
#include "data/labelled/delimited.h"

#include "tests/data/labelled/support.h"

namespace stemma::labelled {
namespace {

using Table = std::vector<std::vector<std::string>>;
using test::error_of;

constexpr Delimiters kCsv = {',', true};
constexpr Delimiters kTsv = {};

Table csv(const std::string& text) { return records_of(text, true, kCsv); }
Table tsv(const std::string& text) { return records_of(text, true, kTsv); }

TEST(Csv, QuotedCellsMayHoldAnything) {
  EXPECT_EQ(csv("a,b\n\"x, y\",\"say \"\"hi\"\"\"\n"), (Table{{"a", "b"}, {"x, y", "say \"hi\""}}));
  EXPECT_EQ(csv("\"two\nlines\",1\r\n\"\",\r\n"), (Table{{"two\nlines", "1"}, {"", ""}}));
  EXPECT_EQ(csv("\"kept\r\nas it is\",1"), (Table{{"kept\r\nas it is", "1"}}));
  EXPECT_EQ(csv("5\" nail,a \"b\" c\n"), (Table{{"5\" nail", "a \"b\" c"}}));
  EXPECT_EQ(csv("\n\na,\n,b\n"), (Table{{"a", ""}, {"", "b"}}));
  EXPECT_EQ(csv("\"\"\"\"\n"), (Table{{"\""}}));
}

TEST(Csv, RecordsKnowTheLineThatTheyBeginAt) {
  Lines lines = Lines::of_text("a\n\"b\n\nb\"\n\nc\n");
  Records records(kCsv);
  Record record;
  std::vector<std::uint64_t> begins;
  while (records.next(lines, record)) begins.push_back(record.line);
  EXPECT_EQ(begins, (std::vector<std::uint64_t>{1, 2, 5, 6}));
}

TEST(Csv, ACellThatTheFileCutsIsAnErrorThatNamesItsLine) {
  Lines lines = Lines::of_text("a,b\nc,\"d\ne,f\n");
  Records records(kCsv);
  Record record;
  EXPECT_TRUE(records.next(lines, record));
  const std::string message = error_of(ErrorCode::corrupt, [&] { records.next(lines, record); });
  EXPECT_NE(message.find(":2: a field begins with a quote there"), message.npos) << message;
}

TEST(Csv, TextBehindAClosingQuoteIsABadRowAndTheNextOneIsRead) {
  Lines lines = Lines::of_text("\"a\"x,1\nb,2\n");
  Records records(kCsv);
  Record record;
  EXPECT_THROW(records.next(lines, record), BadRow);
  EXPECT_TRUE(records.next(lines, record));
  EXPECT_EQ(record.cells, (std::vector<std::string>{"b", "2"}));
}

TEST(Tsv, QuotesAreText) {
  EXPECT_EQ(tsv("\"A quote.\"\t1\n\"begins\t0\r\nan \"inner\" one\t\n"),
            (Table{{"\"A quote.\"", "1"}, {"\"begins", "0"}, {"an \"inner\" one", ""}}));
  EXPECT_EQ(tsv("\"累死了” 不要说 \"very tired\"\tx\n"),
            (Table{{"\"累死了” 不要说 \"very tired\"", "x"}}));
}

TEST(Tsv, WhatACsvWriterQuotedIsUnquoted) {
  EXPECT_EQ(tsv("\"\"\"Which is \"\"\"\"the\"\"\"\"?\"\"\"\t1\n"),
            (Table{{"\"Which is \"\"the\"\"?\"", "1"}}));
  EXPECT_EQ(tsv("\"say \"\"hi\"\"\"\t1\n"), (Table{{"say \"hi\"", "1"}}));
  EXPECT_EQ(tsv("\"all\"\t\"quoted\"\n"), (Table{{"all", "quoted"}}));
  EXPECT_EQ(tsv("\"odd \"\"\" quotes\"\t1\n"), (Table{{"\"odd \"\"\" quotes\"", "1"}}));
}

TEST(Tsv, ARecordThatTheLookEndsInIsLeftOut) {
  EXPECT_EQ(records_of("a\tb\nc\td\ne", false, kTsv), (Table{{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ(records_of("a,b\nc,\"d\n", false, kCsv), (Table{{"a", "b"}}));
}

}  // namespace
}  // namespace stemma::labelled

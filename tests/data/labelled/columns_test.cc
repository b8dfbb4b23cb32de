// Which row is a header, and which columns are read.
#include "data/labelled/columns.h"

#include "tests/data/labelled/support.h"

namespace stemma::labelled {
namespace {

using Table = std::vector<std::vector<std::string>>;
using test::error_of;

bool has_header(const Table& table) { return decide_header(table, table[0].size() - 1).header; }

TEST(Header, UsualNames) {
  EXPECT_TRUE(has_header({{"sentence", "label"}, {"a film", "1"}}));
  EXPECT_TRUE(has_header({{"", "id", "Sentence_A", "what"}, {"0", "x", "y", "z"}}));
  EXPECT_TRUE(has_header({{"text"}}));
  // A class that is called like a column comes again.
  EXPECT_FALSE(has_header({{"go away", "question"}, {"who is it", "question"}}));
  EXPECT_FALSE(has_header({{"what is the matter with you", "question"}, {"hello", "greeting"}}));
  EXPECT_FALSE(has_header({{"gj04", "1", "", "Our friends"}, {"gj04", "0", "", "text"}}));
}

TEST(Header, NumbersBelowAName) {
  EXPECT_TRUE(has_header({{"recenzja", "gwiazdki"}, {"dobry", "5"}, {"zly", "1"}}));
  EXPECT_FALSE(has_header({{"dobry", "4"}, {"lepszy", "5"}, {"zly", "1"}}));
}

TEST(Header, LabelsThatComeAgain) {
  Table table = {{"kommentar", "klasse"}};
  for (int i = 0; i < 12; ++i)
    table.push_back({"das ist ein Satz Nummer " + std::to_string(i), i % 3 ? "gut" : "schlecht"});
  EXPECT_TRUE(has_header(table));
  table[0] = {"Schon gut so", "gut"};
  EXPECT_FALSE(has_header(table));
  table[0] = {"Das ist ein ganzer Satz", "neutral"};
  EXPECT_FALSE(has_header(table));
}

Columns choose(const Table& table, const RowOptions& options = {}, Wanted wanted = Wanted::text) {
  return choose_columns({"file.tsv", table}, options, wanted);
}

TEST(Columns, UsualNamesElseTheFirstAndTheLast) {
  const Columns named = choose({{"category", "id", "text"}, {"a", "7", "words"}});
  EXPECT_EQ(named.texts, std::vector<std::size_t>{2});
  EXPECT_EQ(named.label, 0u);
  const Columns bare = choose({{"some words here", "x", "pos"}, {"others are here", "y", "neg"}});
  EXPECT_FALSE(bare.header);
  EXPECT_EQ(bare.texts, std::vector<std::size_t>{0});
  EXPECT_EQ(bare.label, 2u);
}

TEST(Columns, AnIndexIsNoText) {
  const Table table = {{"1", "one text", "another", "no"}, {"5", "second", "third", "yes"}};
  const Columns pair = choose(table, {}, Wanted::pair);
  EXPECT_EQ(pair.texts, std::vector<std::size_t>{1});
  EXPECT_EQ(pair.second, 2u);
  EXPECT_EQ(pair.label, 3u);
  EXPECT_NE(testing::PrintToString(pair.said).find("an index"), std::string::npos);
}

TEST(Columns, NamesAndNumbersOfOptions) {
  const Table table = {{"Wort", "Klasse"}, {"eins zwei", "a"}, {"drei", "b"}};
  EXPECT_EQ(choose(table, {.text_columns = {"wort"}, .label_column = "Klasse"}).label, 1u);
  EXPECT_TRUE(choose(table, {.text_columns = {"Wort"}}).header);
  EXPECT_EQ(choose(table, {.text_columns = {"2"}, .label_column = "1"}).label, 0u);
  EXPECT_EQ(choose(table, {.text_columns = {"1"}, .label_column = "2", .header = "yes"}).names[0],
            "'Wort'");
}

TEST(Columns, WhatCannotBeSaysWhatToChange) {
  const Table table = {{"text", "label", "label"}, {"a", "b", "c"}};
  const auto refusal = [&](const RowOptions& options, Wanted wanted = Wanted::text) {
    return error_of(ErrorCode::invalid_argument, [&] { choose(table, options, wanted); });
  };
  EXPECT_NE(refusal({.text_columns = {"txt"}})
                .find("no column 'txt' (--text-column), it has 3 "
                      "columns: 'text', 'label', 'label'; did you "
                      "mean 'text'?"),
            std::string::npos)
      << refusal({.text_columns = {"txt"}});
  EXPECT_NE(refusal({.label_column = "label"}).find("2 columns have the name"), std::string::npos);
  EXPECT_NE(refusal({.label_column = "4"}).find("from 1 to 3"), std::string::npos);
  EXPECT_NE(refusal({.text_columns = {"2"}, .label_column = "2"}).find("wanted twice"),
            std::string::npos);
  EXPECT_NE(refusal({.label_column = "label", .header = "no"}).find("numbers from 1"),
            std::string::npos);
  EXPECT_NE(refusal({}, Wanted::choice).find("--choice-columns"), std::string::npos);
  const std::string alone = error_of(ErrorCode::invalid_argument, [] {
    choose({{"only a text"}, {"another text"}});
  });
  EXPECT_NE(alone.find("--label-column"), alone.npos) << alone;
}

TEST(Columns, WherePredictedNoLabelIsNeeded) {
  const RowOptions options = {.needs_label = false};
  EXPECT_EQ(choose({{"only a text"}, {"another text"}}, options).label, std::nullopt);
  EXPECT_EQ(choose({{"text", "author"}, {"words", "me"}}, options).label, std::nullopt);
  EXPECT_EQ(choose({{"text", "label"}, {"words", "x"}}, options).label, 1u);
  // A named one is passed over as a text where it is there, and may be missing.
  const RowOptions named = {.label_column = "kind", .needs_label = false};
  const Columns with = choose({{"kind", "mail"}, {"a", "where is it"}}, named);
  EXPECT_EQ(with.label, 0u);
  EXPECT_EQ(with.texts, std::vector<std::size_t>{1});
  EXPECT_EQ(choose({{"mail", "date"}, {"where is it", "May"}}, named).label, std::nullopt);
  const RowOptions numbered = {.label_column = "3", .needs_label = false};
  EXPECT_EQ(choose({{"mail", "date"}, {"where is it", "May"}}, numbered).label, std::nullopt);
}

TEST(Columns, ChoicesByTheirNames) {
  const Columns columns =
      choose({{"question", "choice0", "choice1", "answer"}, {"What is it?", "a", "b", "0"}}, {},
             Wanted::choice);
  EXPECT_EQ(columns.choices, (std::vector<std::size_t>{1, 2}));
  EXPECT_EQ(columns.texts, std::vector<std::size_t>{0});
  EXPECT_EQ(columns.label, 3u);
}

}  // namespace
}  // namespace stemma::labelled

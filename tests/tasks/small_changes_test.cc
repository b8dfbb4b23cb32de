// Small changes leave labels, words and meaning, come as often as they say, and repeat.
#include "tasks/small_changes.h"

#include <cmath>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "data/labelled/words.h"
#include "tests/data/labelled/support.h"
#include "text/unicode/lowercase.h"
#include "text/unicode/utf8.h"

namespace stemma::tasks {
namespace {

using labelled::Row;
using test::TemporaryFolder;

constexpr std::array kEveryChange = {SmallChange::typos, SmallChange::casing, SmallChange::spacing,
                                     SmallChange::all};
// Every kind of character that the kinds look at.
const std::vector<std::string> kOddTexts = {
    "",
    "a",
    " ",
    "?",
    "é",
    "  two  blanks  ",
    "Ünïcödé Straße ΟΔΟΣ İstanbul ﬁne café, naïve 東京 ends. Здравствуйте, мир!",
    "e\u0301te\u0301 \U0001F600 tail\u00a0non-breaking\u2009thin",
    "\xff\xfe broken bytes \xc3",
    "oooo aaaaa"};

std::vector<Row> real_rows(std::string_view name, labelled::Wanted wanted, std::size_t most) {
  const TemporaryFolder folder;
  const auto path = test::shared_rows(folder, std::string(name));
  if (path.empty()) return {};
  std::vector<Row> rows = labelled::read_rows(path, {}, wanted);
  rows.resize(std::min(rows.size(), most));
  return rows;
}

std::vector<Row> real_sentences() {
  return real_rows("sst2/test_labeled.tsv", labelled::Wanted::text, 1000);
}

std::string changed_text(const std::string& text, SmallChange kind, std::uint64_t index = 0) {
  Row row;
  row.text = text;
  return changed(row, kind, 0, index).text;
}

std::vector<std::string> letter_runs(const std::string& text) {
  static const std::regex run("[A-Za-z]+");
  std::vector<std::string> runs;
  for (std::sregex_iterator it(text.begin(), text.end(), run), end; it != end; ++it)
    runs.push_back(it->str());
  return runs;
}

// Within four standard deviations of a share.
void expect_share(std::int64_t hits, std::int64_t all, double share) {
  const double n = static_cast<double>(all), deviation = std::sqrt(share * (1 - share) / n);
  EXPECT_NEAR(static_cast<double>(hits) / n, share, 4 * deviation) << hits << " of " << all;
}

TEST(SmallChanges, TyposComeInOneWordOfSix) {
  const std::vector<Row> rows = real_sentences();
  if (rows.empty()) GTEST_SKIP() << "../shared/data/sst2 is missing";
  std::int64_t words = 0, hits = 0, longer = 0, shorter = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (std::any_of(rows[i].text.begin(), rows[i].text.end(), [](char c) { return c < 0; }))
      continue;
    const auto before = letter_runs(rows[i].text);
    const auto after = letter_runs(changed_text(rows[i].text, SmallChange::typos, i));
    ASSERT_EQ(before.size(), after.size()) << rows[i].text;
    for (std::size_t w = 0; w < before.size(); ++w) {
      words += before[w].size() >= 4;
      if (before[w] == after[w]) continue;
      ++hits;
      EXPECT_GE(before[w].size(), 4u);
      EXPECT_EQ(before[w][0], after[w][0]);
      longer += after[w].size() == before[w].size() + 1;
      shorter += after[w].size() + 1 == before[w].size();
      EXPECT_LE(std::abs(std::ssize(after[w]) - std::ssize(before[w])), 1);
    }
  }
  ASSERT_GT(words, 8000);
  expect_share(hits, words, 1.0 / 6);
  expect_share(longer, hits, 1.0 / 4);
  expect_share(shorter, hits, 1.0 / 4);
}

// The blanks before each character that is none, and at the end.
std::vector<int> blanks_before(const std::string& text) {
  std::vector<int> blanks(1);
  for (const char c : text) {
    if (c == ' ')
      ++blanks.back();
    else
      blanks.push_back(0);
  }
  return blanks;
}

TEST(SmallChanges, SpacingChangesOnePlaceOfEight) {
  const std::vector<Row> rows = real_sentences();
  if (rows.empty()) GTEST_SKIP() << "../shared/data/sst2 is missing";
  static const std::regex place("[^ ] +(?=[^ ])|[A-Za-z0-9][.,;:!?](?= |$)");
  std::int64_t places = 0, lost = 0, more = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    // As people write, so that marks stand at words.
    const std::string text = std::regex_replace(rows[i].text, std::regex(" (?=[.,;:!?])"), "");
    places += std::distance(std::sregex_iterator(text.begin(), text.end(), place), {});
    const std::vector<int> before = blanks_before(text),
                           after = blanks_before(changed_text(text, SmallChange::spacing, i));
    ASSERT_EQ(before.size(), after.size());
    for (std::size_t c = 0; c < before.size(); ++c) {
      EXPECT_LE(after[c], before[c] + 1);
      lost += after[c] < before[c];
      more += after[c] > before[c];
    }
  }
  ASSERT_GT(places, 10000);
  expect_share(lost + more, places, 1.0 / 8);
  EXPECT_GT(more, lost);  // a blank is doubled as often as lost, and there are those before marks
  EXPECT_GT(lost, more / 2);
}

TEST(SmallChanges, CasingIsOneOfThreeForTheWholeRow) {
  const std::string text = "The film's 2nd act -- (so-called) \"drama\" -- fails";
  std::map<std::string, std::int64_t> count;
  for (std::uint64_t i = 0; i < 3000; ++i) ++count[changed_text(text, SmallChange::casing, i)];
  EXPECT_EQ(count.size(), 3u);
  expect_share(count["the film's 2nd act -- (so-called) \"drama\" -- fails"], 3000, 1.0 / 3);
  expect_share(count["THE FILM'S 2ND ACT -- (SO-CALLED) \"DRAMA\" -- FAILS"], 3000, 1.0 / 3);
  expect_share(count["The Film's 2nd Act -- (So-called) \"Drama\" -- Fails"], 3000, 1.0 / 3);
}

TEST(SmallChanges, CasingKnowsMoreThanAscii) {
  std::map<std::string, std::int64_t> count;
  for (std::uint64_t i = 0; i < 100; ++i)
    ++count[changed_text("été Åse ωμέγα жук", SmallChange::casing, i)];
  EXPECT_TRUE(count.contains("ÉTÉ ÅSE ΩΜΈΓΑ ЖУК")) << testing::PrintToString(count);
  EXPECT_TRUE(count.contains("été åse ωμέγα жук")) << testing::PrintToString(count);
  EXPECT_TRUE(count.contains("Été Åse Ωμέγα Жук")) << testing::PrintToString(count);
}

TEST(SmallChanges, AllIsOneKindForEachRow) {
  std::map<SmallChange, std::int64_t> count;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    const SmallChange drawn = drawn_change(5, i);
    ++count[drawn];
    Row row;
    row.text = "Nothing remarkable happens, which disappoints everybody.";
    row.second = "A second Text here.";
    const Row all = changed(row, SmallChange::all, 5, i), one = changed(row, drawn, 5, i);
    EXPECT_EQ(all.text, one.text);
    EXPECT_EQ(all.second, one.second);
  }
  for (const SmallChange kind : kSmallChanges) expect_share(count[kind], 3000, 1.0 / 3);
}

// Figures of two models can be compared only while the same seed draws the same changes.
TEST(SmallChanges, AreTheSameAlways) {
  const std::string text = "What contemptible scoundrel stole the cork from my lunch? Nobody, sir.";
  for (const SmallChange kind : kEveryChange) {
    int other = 0;
    for (std::uint64_t i = 0; i < 50; ++i) {
      EXPECT_EQ(changed_text(text, kind, i), changed_text(text, kind, i));
      other += changed_text(text, kind, i) != changed_text(text, kind, i + 1);
    }
    EXPECT_GT(other, 20) << to_string(kind);
  }
  EXPECT_EQ(changed_text(text, SmallChange::typos, 3),
            "What contemptibe scoundrel stole the cork from my lunch? Nobody, sir.");
  EXPECT_EQ(changed_text(text, SmallChange::spacing, 3),
            "What contemptible scoundrel stole the corkfrom my lunch? Nobody , sir.");
}

TEST(SmallChanges, KeepUtf8AndOddTexts) {
  for (const std::string& text : kOddTexts)
    for (const SmallChange kind : kEveryChange)
      for (std::uint64_t i = 0; i < 200; ++i) {
        const std::string other = changed_text(text, kind, i);
        EXPECT_EQ(unicode::is_valid_utf8(other), unicode::is_valid_utf8(text)) << other;
        EXPECT_EQ(other.empty(), text.empty());
        const bool one_letter = text.size() < 4;
        EXPECT_TRUE(other == text || !one_letter || kind == SmallChange::casing ||
                    kind == SmallChange::all)
            << other;
      }
}

TEST(SmallChanges, ReachAllTextsAndNothingElse) {
  Row row;
  row.text = row.second = "Several reasonable sentences stand here.";
  row.choices = {row.text, row.text, "Short."};
  row.labels = {"1", "Great"};
  row.tags = {"B-GREAT"};
  row.id = "Identity";
  row.adapter = "Adapter";
  row.line = 7;
  int first = 0, second = 0, choice = 0, apart = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const Row other = changed(row, SmallChange::all, 0, i);
    first += other.text != row.text;
    second += other.second != row.second;
    choice += other.choices[1] != row.choices[1];
    apart += other.text != other.second && other.second != other.choices[0];
    EXPECT_EQ(other.choices.size(), 3u);
    EXPECT_EQ(other.labels, row.labels);
    EXPECT_EQ(other.tags, row.tags);
    EXPECT_EQ(other.id + other.adapter, row.id + row.adapter);
    EXPECT_EQ(other.line, row.line);
  }
  for (const int hits : {first, second, choice}) EXPECT_GT(hits, 40);
  EXPECT_GT(apart, 10);
}

// Words stand where they stood, with nothing but white space between them that was not there.
void expect_same_words(const Row& before, const Row& after, SmallChange kind) {
  ASSERT_EQ(after.words.size(), before.words.size());
  EXPECT_EQ(after.tags, before.tags);
  std::int64_t end = 0;
  for (std::size_t w = 0; w < after.words.size(); ++w) {
    const auto text_of = [&](const Row& row) {
      return row.text.substr(static_cast<std::size_t>(row.words[w].begin),
                             static_cast<std::size_t>(row.words[w].end - row.words[w].begin));
    };
    ASSERT_GE(after.words[w].begin, end);
    ASSERT_GT(after.words[w].end, after.words[w].begin);
    for (; end < after.words[w].begin; ++end)
      EXPECT_EQ(after.text[static_cast<std::size_t>(end)], ' ') << after.text;
    end = after.words[w].end;
    const std::string was = text_of(before), is = text_of(after);
    EXPECT_EQ(is.find(' '), is.npos) << is;
    if (kind == SmallChange::spacing) {
      EXPECT_EQ(is, was);
    } else if (kind == SmallChange::casing) {
      EXPECT_EQ(unicode::lowercase(is), unicode::lowercase(was));
    } else {
      EXPECT_EQ(is[0], was[0]);
    }
  }
  EXPECT_EQ(end, std::ssize(after.text));
}

TEST(SmallChanges, WordsOfSentencesKeepTheirTags) {
  const std::vector<Row> rows = real_rows("conll2003/eng.testa", labelled::Wanted::words, 500);
  if (rows.empty()) GTEST_SKIP() << "../shared/data/conll2003 is missing";
  for (const SmallChange kind : kSmallChanges) {
    std::size_t changes = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Row other = changed(rows[i], kind, 0, i);
      expect_same_words(rows[i], other, kind);
      changes += other.text != rows[i].text;
    }
    EXPECT_GT(changes, rows.size() / 4) << to_string(kind);
  }
}

TEST(SmallChanges, WordsMayTouch) {
  Row row;
  row.text = "Prof. Müller, Cologne: New";
  row.words = labelled::split_words(row.text);
  row.words.back().end -= 2;  // as spans cut a word: N|ew
  row.words.push_back({row.words.back().end, std::ssize(row.text)});
  row.tags.assign(row.words.size(), "O");
  bool apart = false;
  for (const SmallChange kind : kSmallChanges)
    for (std::uint64_t i = 0; i < 300; ++i) {
      const Row other = changed(row, kind, 0, i);
      expect_same_words(row, other, kind);
      apart = apart || other.text.find("Cologne :") != std::string::npos;
    }
  EXPECT_TRUE(apart);
}

}  // namespace
}  // namespace stemma::tasks

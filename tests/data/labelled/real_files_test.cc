// The data sets that people fine-tune on, as they are published: how many rows they have, which
// columns are read without being named, and a row of each.
#include <chrono>
#include <map>

#include "data/labelled/choice_labels.h"
#include "data/labelled/tag_scheme.h"
#include "tests/data/labelled/support.h"

namespace stemma::labelled {
namespace {

using test::kUnlabelled;
using test::shared_rows;
using test::TemporaryFolder;
using test::words_of;

struct RealFile {
  std::string name;
  Wanted wanted;
  RowOptions options;
  std::size_t rows;
  std::string format;
  bool header;
  std::string text, second, label;  // of the first row; text: its beginning
};

void PrintTo(const RealFile& file, std::ostream* out) { *out << file.name; }

class RealFiles : public testing::TestWithParam<RealFile> {};

TEST_P(RealFiles, AreReadAsTheyAreMeant) {
  const RealFile& file = GetParam();
  const TemporaryFolder folder;
  const auto path = shared_rows(folder, file.name);
  if (path.empty()) GTEST_SKIP() << "../shared/data/" << file.name << " (or xz) is missing";
  RowNotes notes;
  const std::vector<Row> rows = read_rows(path, file.options, file.wanted, &notes);
  const std::string said = testing::PrintToString(notes.said);
  EXPECT_EQ(rows.size(), file.rows) << said;
  EXPECT_EQ(notes.format, file.format) << said;
  EXPECT_EQ(notes.header, file.header) << said;
  EXPECT_EQ(notes.rows, static_cast<std::int64_t>(file.rows));
  EXPECT_EQ(rows[0].text.substr(0, file.text.size()), file.text) << said;
  EXPECT_EQ(rows[0].second.substr(0, file.second.size()), file.second) << said;
  EXPECT_EQ(test::joined(rows[0].labels), file.label) << said;
}

INSTANTIATE_TEST_SUITE_P(
    Text, RealFiles,
    testing::Values(
        RealFile{"sst2/train.tsv",
                 Wanted::text,
                 {},
                 67349,
                 "tsv",
                 true,
                 "hide new secretions from the parental units ",
                 "",
                 "0"},
        RealFile{"sst2/test_labeled.tsv",
                 Wanted::text,
                 {},
                 1821,
                 "tsv",
                 true,
                 "uneasy mishmash",
                 "",
                 "0"},
        RealFile{"banking77/train.csv",
                 Wanted::text,
                 {},
                 10003,
                 "csv",
                 true,
                 "I am still waiting on my card?",
                 "",
                 "card_arrival"},
        RealFile{"banking77/test.csv",
                 Wanted::text,
                 {},
                 3080,
                 "csv",
                 true,
                 "How do I locate my card?",
                 "",
                 "card_arrival"},
        RealFile{"financial_phrasebank/all-data.csv",
                 Wanted::text,
                 {},
                 4846,
                 "csv",
                 true,
                 "According to Gran , the company has no plans",
                 "",
                 "neutral"},
        RealFile{"ag_news/test.tsv",
                 Wanted::text,
                 {},
                 7600,
                 "tsv",
                 false,
                 "Unions representing",
                 "",
                 "Business"},
        RealFile{"ag_news/dev.tsv",
                 Wanted::text,
                 {},
                 10001,
                 "tsv",
                 false,
                 "p2pnet.net News:-",
                 "",
                 "Sci/Tech"},
        RealFile{"cola/train.tsv",
                 Wanted::text,
                 {.text_columns = {"4"}, .label_column = "2"},
                 7250,
                 "tsv",
                 false,
                 "Our friends won't buy this analysis",
                 "",
                 "1"},
        RealFile{"chnsenticorp/dev.tsv",
                 Wanted::text,
                 {},
                 1200,
                 "tsv",
                 false,
                 "這間酒店",
                 "",
                 "positive"},
        RealFile{"chnsenticorp/test.tsv", Wanted::text, kUnlabelled, 1200, "tsv", true,
                 "这个宾馆比较陈旧了", "", ""},
        RealFile{
            "sst5/ids-sst-train.csv", Wanted::text, {}, 8544, "tsv", true, " The Rock is", "", "3"},
        RealFile{"hate_davidson/labeled_data.csv",
                 Wanted::text,
                 {},
                 24783,
                 "csv",
                 true,
                 "!!! RT @mayasolovely",
                 "",
                 "2"},
        RealFile{"jigsaw/test.csv", Wanted::text, {}, 12180, "csv", false, ":You know", "", "0"}));

INSTANTIATE_TEST_SUITE_P(
    Pairs, RealFiles,
    testing::Values(RealFile{"rte/train.tsv",
                             Wanted::pair,
                             {},
                             2127,
                             "tsv",
                             true,
                             "No Weapons of Mass Destruction",
                             "Weapons of Mass",
                             "not_entailment"},
                    RealFile{"rte/val.tsv",
                             Wanted::pair,
                             {},
                             363,
                             "tsv",
                             false,
                             "Herceptin was already",
                             "Herceptin can be",
                             "entailment"},
                    RealFile{"rte/dev.tsv",
                             Wanted::pair,
                             {},
                             277,
                             "tsv",
                             true,
                             "Dana Reeve",
                             "Christopher Reeve",
                             "not_entailment"},
                    RealFile{"stsb/sts-train.csv",
                             Wanted::pair,
                             {},
                             6040,
                             "tsv",
                             true,
                             "13 killed in Afgan",
                             "6 killed in Afghan",
                             "2.0"},
                    RealFile{"stsb/sts-dev.csv",
                             Wanted::pair,
                             {},
                             863,
                             "tsv",
                             true,
                             "UN chief welcomes",
                             "UN chief condemns",
                             "1.0"},
                    RealFile{"qqp/quora-dev.csv",
                             Wanted::pair,
                             {.bad_rows = "skip"},
                             20213,
                             "tsv",
                             true,
                             "What can you get",
                             "What are some ways",
                             "0.0"},
                    RealFile{"mrpc/msr-para-train.tsv",
                             Wanted::pair,
                             {.text_columns = {"#1 String"},
                              .second_column = "#2 String",
                              .label_column = "Quality"},
                             3576,
                             "tsv",
                             true,
                             "Amrozi accused his brother, whom he called \"the witness\", of",
                             "Referring to him as only \"the witness\"",
                             "1"},
                    RealFile{"mrpc/msr-para-test.tsv",
                             Wanted::pair,
                             {},
                             1725,
                             "tsv",
                             true,
                             "PCCW's chief operating officer",
                             "Current Chief",
                             "1"},
                    RealFile{"scitail/dev.txt",
                             Wanted::pair,
                             {},
                             1304,
                             "tsv",
                             false,
                             "An introduction to atoms",
                             "Replace another in a molecule",
                             "1"},
                    RealFile{"snli/dev.txt",
                             Wanted::pair,
                             {},
                             9842,
                             "tsv",
                             false,
                             "two women are embracing",
                             "the sisters are hugging",
                             "1"},
                    RealFile{"afqmc/test.txt", Wanted::pair, kUnlabelled, 3861, "tsv", false,
                             "借呗什么时候会取消", "蚂蚁借呗", ""},
                    RealFile{"sick/SICK_train.txt",
                             Wanted::pair,
                             {.label_column = "relatedness_score"},
                             4500,
                             "tsv",
                             true,
                             "A group of kids",
                             "A group of boys",
                             "4.5"}));

TEST(RealRows, QqpHasQuotedCellsAndOneRowWithoutAPair) {
  const TemporaryFolder folder;
  const auto path = shared_rows(folder, "qqp/quora-dev.csv");
  if (path.empty()) GTEST_SKIP() << "../shared/data/qqp (or xz) is missing";
  // One of its 20,214 rows has neither a second question nor a label.
  const std::string message =
      test::error_of(ErrorCode::corrupt, [&] { read_rows(path, {}, Wanted::pair); });
  EXPECT_NE(message.find("quora-dev.csv:14222: column 'sentence2' must not be empty"), message.npos)
      << message;
  RowNotes notes;
  const std::vector<Row> rows = read_rows(path, {.bad_rows = "skip"}, Wanted::pair, &notes);
  EXPECT_EQ(rows.size(), 20213u);
  EXPECT_EQ(notes.bad_rows, 1);
  // The cell was quoted twice on its way: one level is the file's.
  EXPECT_TRUE(rows[1].text.starts_with("\"Which is correct grammar: I graduated")) << rows[1].text;
  EXPECT_TRUE(rows[1].text.ends_with("Do I need \"\"the\"\" here?\"")) << rows[1].text;
}

TEST(RealRows, Conll2003IsIob1) {
  const TemporaryFolder folder;
  const auto train = shared_rows(folder, "conll2003/eng.train");
  const auto dev = shared_rows(folder, "conll2003/eng.testa");
  if (train.empty() || dev.empty()) GTEST_SKIP() << "../shared/data/conll2003 (or xz) is missing";
  RowNotes notes;
  std::vector<Row> rows = read_rows(train, {}, Wanted::words, &notes);
  EXPECT_EQ(notes.format, "conll");
  EXPECT_EQ(rows.size(), 14041u);
  EXPECT_EQ(read_rows(dev, {}, Wanted::words).size(), 3250u);
  EXPECT_EQ(rows[0].text, "EU rejects German call to boycott British lamb .");
  EXPECT_EQ(words_of(rows[0]), "EU|rejects|German|call|to|boycott|British|lamb|.");
  TagSchemeFinder finder;
  std::size_t words = 0;
  for (const Row& row : rows) {
    finder.add(row.tags);
    words += row.words.size();
  }
  const TagSchemeNotes found = finder.found();
  EXPECT_EQ(found.scheme, TagScheme::iob1) << found.says;
  EXPECT_EQ(found.ill_formed, 0);
  EXPECT_EQ(words, 203621u);  // Tjong Kim Sang and De Meulder 2003, table 1
  std::map<std::string, int> entities;
  for (Row& row : rows) {
    const auto before = entities_of_tags(row.tags);
    normalise_tags(row.tags, found.scheme);
    EXPECT_EQ(entities_of_tags(row.tags), before);
    for (const Entity& entity : before) ++entities[entity.label];
  }
  // Table 2 of the paper.
  EXPECT_EQ(entities, (std::map<std::string, int>{
                          {"LOC", 7140}, {"MISC", 3438}, {"ORG", 6321}, {"PER", 6600}}));
  TagSchemeFinder again;
  for (const Row& row : rows) again.add(row.tags);
  EXPECT_EQ(again.found().scheme, TagScheme::bio);
  EXPECT_EQ(again.found().ill_formed, 0);
}

TEST(RealRows, ResumeHasSentencesWithTheirTags) {
  const TemporaryFolder folder;
  for (const auto& [name, count] : std::map<std::string, std::size_t>{
           {"resume_train.bmes", 3821}, {"resume_dev.bmes", 463}, {"resume_test.bmes", 477}}) {
    const auto path = shared_rows(folder, "chinese_ner/" + name);
    if (path.empty()) GTEST_SKIP() << "../shared/data/chinese_ner (or xz) is missing";
    RowNotes notes;
    std::vector<Row> rows = read_rows(path, {}, Wanted::words, &notes);
    EXPECT_EQ(rows.size(), count) << testing::PrintToString(notes.said);
    TagSchemeFinder finder;
    for (const Row& row : rows) finder.add(row.tags);
    EXPECT_EQ(finder.found().scheme, TagScheme::bioes) << finder.found().says;
    // Four sentences of the training file are cut inside an organisation.
    EXPECT_EQ(finder.found().ill_formed, name == "resume_train.bmes" ? 4 : 0) << name;
    if (name != "resume_test.bmes") continue;
    EXPECT_EQ(words_of(rows[0]), "常|建|良|，|男|，");
    normalise_tags(rows[0].tags, finder.found().scheme);
    EXPECT_EQ(test::joined(rows[0].tags), "B-NAME|I-NAME|E-NAME|O|O|O");
    EXPECT_EQ(entities_of_tags(rows[0].tags), (std::vector<Entity>{{"NAME", 0, 2}}));
  }
}

TEST(RealRows, WeiboAndConll04AreColumns) {
  const TemporaryFolder folder;
  const auto weibo = shared_rows(folder, "chinese_ner/weibo_dev.bmes");
  const auto conll04 = shared_rows(folder, "conll04/dev.txt");
  if (weibo.empty() || conll04.empty()) GTEST_SKIP() << "../shared/data is missing";
  EXPECT_EQ(read_rows(weibo, {}, Wanted::words).size(), 270u);
  RowNotes notes;
  const std::vector<Row> rows =
      read_rows(conll04, {.text_columns = {"2"}, .label_column = "3"}, Wanted::words, &notes);
  EXPECT_EQ(rows.size(), 243u);
  EXPECT_EQ(notes.comments, 243);
  EXPECT_TRUE(rows[0].text.starts_with("Sen. Dennis DeConcini , D-Ariz. ,")) << rows[0].text;
  EXPECT_EQ(rows[0].tags[1], "B-Peop");
}

TEST(RealRows, StoryClozeIsChoice) {
  const TemporaryFolder folder;
  const RowOptions options = {
      .text_columns = {"InputSentence1", "InputSentence2", "InputSentence3", "InputSentence4"},
      .label_column = "AnswerRightEnding",
      .choice_columns = {"RandomFifthSentenceQuiz1", "RandomFifthSentenceQuiz2"}};
  for (const char* name : {"cloze_test_val_spring2016.csv", "cloze_test_test_spring2016.csv"}) {
    const auto path = shared_rows(folder, std::string("storycloze/") + name);
    if (path.empty()) GTEST_SKIP() << "../shared/data/storycloze (or xz) is missing";
    const std::vector<Row> rows = read_rows(path, options, Wanted::choice);
    EXPECT_EQ(rows.size(), 1871u);
    const ChoiceLabels labels = choice_labels(rows);
    EXPECT_EQ(labels.writing, ChoiceWriting::from_1);
    EXPECT_EQ(labels.indices[0], rows[0].labels[0] == "1" ? 0 : 1);
    if (rows[0].text.starts_with("Rick")) {
      EXPECT_EQ(rows[0].text,
                "Rick grew up in a troubled household. He never found good support in family, and "
                "turned to gangs. It wasn't long before Rick got shot in a robbery. The incident "
                "caused him to turn a new leaf.");
    }
    EXPECT_EQ(rows[0].choices.size(), 2u);
  }
}

TEST(RealRows, ALargeFileTakesLittleTime) {
  const TemporaryFolder folder;
  const auto path = shared_rows(folder, "sst2/train.tsv");
  if (path.empty()) GTEST_SKIP() << "../shared/data/sst2 (or xz) is missing";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(read_rows(path, {}, Wanted::text).size(), 67349u);
  // About 0.1 s; a busy machine and a sanitizer may take their time.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

}  // namespace
}  // namespace stemma::labelled

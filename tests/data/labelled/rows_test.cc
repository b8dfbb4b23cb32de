// Rows of every format through the reader: what they give, and what is said of what cannot be read.
#include "data/labelled/rows.h"

#include <thread>

#include <sys/stat.h>
#include <unistd.h>

#include "tests/data/labelled/support.h"

namespace stemma::labelled {
namespace {

using test::error_of;
using test::joined;
using test::kUnlabelled;
using test::TemporaryFolder;
using test::words_of;

class Rows : public testing::Test {
 protected:
  std::vector<Row> read(const std::string& name, std::string_view content,
                        const RowOptions& options = {}, Wanted wanted = Wanted::text) {
    return read_rows(folder_.write(name, content), options, wanted, &notes_);
  }
  std::string refusal(ErrorCode code, const std::string& name, std::string_view content,
                      const RowOptions& options = {}, Wanted wanted = Wanted::text) {
    return error_of(code, [&] { read(name, content, options, wanted); });
  }

  TemporaryFolder folder_;
  RowNotes notes_;
};

#define EXPECT_SAYS(message, part) EXPECT_NE((message).find(part), std::string::npos) << (message)

TEST_F(Rows, OfTables) {
  const auto rows = read("a.csv", "\xEF\xBB\xBFtext,label\r\n\"a, b\",x\r\n\r\nc, y \r\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].text, "a, b");
  EXPECT_EQ(rows[0].line, 2u);
  EXPECT_EQ(joined(rows[1].labels), "y");
  EXPECT_EQ(notes_.format, "csv");
  EXPECT_TRUE(notes_.header);
  EXPECT_EQ(notes_.blank_lines, 1);
  EXPECT_EQ(read("b.csv", "text;label\na, b;x\nc;y\n")[0].text, "a, b");
  EXPECT_EQ(read("c.tsv", "text,label\na,x\nc,y\n")[0].text, "a");
  EXPECT_EQ(notes_.format, "csv");
  EXPECT_EQ(read("d.txt", "good film\tpos\nbad film\tneg\n")[1].labels[0], "neg");
}

TEST_F(Rows, OfCompressedTablesAndUtf16) {
  const std::string table = "text,label\na b,x\n";
  EXPECT_EQ(read("a.csv.gz", test::gzip(table))[0].text, "a b");
  EXPECT_EQ(read("a.csv.zst", test::zstd(table))[0].labels[0], "x");
  std::string wide = "\xFF\xFE";
  for (const char c : table) wide += std::string{c, '\0'};
  EXPECT_EQ(read("wide.csv", wide)[0].text, "a b");
}

TEST_F(Rows, SeveralLabelsAndSeveralTextColumns) {
  const RowOptions options = {.text_columns = {"title", "body"}, .label_separator = "|"};
  const auto rows = read("a.tsv", "title\tbody\tlabel\nA\tb c\tx| y\nD\te\t\n", options);
  EXPECT_EQ(rows[0].text, "A b c");
  EXPECT_EQ(joined(rows[0].labels), "x|y");
  EXPECT_TRUE(rows[1].labels.empty());
  EXPECT_EQ(notes_.unlabelled, 1);
}

TEST_F(Rows, OfJsonLines) {
  const auto rows =
      read("a.jsonl",
           "{\"id\": 7, \"text\": \"a\", \"label\": \"x\", \"adapter\": \"legal\"}\n\n"
           "{\"id\": \"q\", \"sentence\": \"b\", \"label\": [\"x\", \"y\"]}\n"
           "{\"text\": \"c\", \"label\": 2.5}\n{\"text\": \"d\", \"label\": true}\n"
           "{\"text\": \"e\", \"label\": null}\n");
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_EQ(rows[0].id + rows[0].adapter, "7legal");
  EXPECT_EQ(rows[1].id, "q");
  EXPECT_EQ(joined(rows[1].labels), "x|y");
  EXPECT_EQ(joined(rows[2].labels) + joined(rows[3].labels), "2.5true");
  EXPECT_TRUE(rows[4].labels.empty());
  EXPECT_EQ(rows[4].line, 6u);
  const auto pair = read("b.jsonl", "{\"premise\": \"a\", \"hypothesis\": \"b\", \"label\": 0}\n",
                         {}, Wanted::pair);
  EXPECT_EQ(pair[0].text + pair[0].second + pair[0].labels[0], "ab0");
  const auto choice = read("c.jsonl",
                           "{\"context\": \"a\", \"question\": \"b?\", \"choices\": [\"c\", "
                           "\"d\"], \"answer\": \"B\"}\n",
                           {}, Wanted::choice);
  EXPECT_EQ(choice[0].text, "a b?");
  EXPECT_EQ(joined(choice[0].choices) + joined(choice[0].labels), "c|dB");
}

TEST_F(Rows, OfWordsInJson) {
  const auto spans = read(
      "a.jsonl",
      "{\"text\": \"Ada in Köln.\", \"spans\": [{\"begin\": 7, \"end\": 12, \"label\": \"LOC\"}]}\n"
      "{\"text\": \"Bob\", \"spans\": [{\"start\": 0, \"end\": 3, \"label\": \"PER\"}]}\n",
      {}, Wanted::words);
  EXPECT_EQ(words_of(spans[0]) + " " + joined(spans[0].tags), "Ada|in|Köln|. O|O|B-LOC|O");
  EXPECT_EQ(joined(spans[1].tags), "B-PER");
  const auto words = read("b.jsonl", "{\"tokens\": [\"New York\", \"!\"], \"ner_tags\": [3, 0]}\n",
                          {}, Wanted::words);
  EXPECT_EQ(words[0].text, "New York !");
  EXPECT_EQ(words_of(words[0]) + " " + joined(words[0].tags), "New York|! 3|0");
  EXPECT_SAYS(refusal(ErrorCode::corrupt, "c.jsonl",
                      "{\"words\": [\"a\", \"b\"], \"tags\": [\"O\"]}\n", {}, Wanted::words),
              "c.jsonl:1: 2 words must have as many tags, they have 1");
  EXPECT_SAYS(refusal(ErrorCode::corrupt, "d.jsonl",
                      "{\"text\": \"ö\", \"spans\": [{\"begin\": 1, \"end\": 2, \"label\": "
                      "\"X\"}]}\n",
                      {}, Wanted::words),
              "inside a character");
}

TEST_F(Rows, OfConllColumns) {
  const auto rows = read("a.conll",
                         "-DOCSTART- -X- O O\n\nEU NNP I-NP I-ORG\nrejects VBZ I-VP O\n\n\n# a "
                         "comment\nPeter NNP I-NP I-PER\n",
                         {}, Wanted::words);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].text, "EU rejects");
  EXPECT_EQ(joined(rows[0].tags), "I-ORG|O");
  EXPECT_EQ(rows[1].line, 8u);
  EXPECT_EQ(notes_.document_starts, 1);
  EXPECT_EQ(notes_.comments, 1);
  const auto middle = read("b.bio", "1\tEU\tB-ORG\tx\n2\t#\tO\tx\n",
                           {.text_columns = {"2"}, .label_column = "3"}, Wanted::words);
  EXPECT_EQ(words_of(middle[0]) + " " + joined(middle[0].tags), "EU|# B-ORG|O");
  EXPECT_EQ(read("c.conll", "one\ntwo\n\nthree\n", kUnlabelled, Wanted::words).size(), 2u);
  // By content, and a table of CoNLL's name.
  EXPECT_EQ(read("eng.train", "EU B-ORG\nx O\n\ny O\n", {}, Wanted::words).size(), 2u);
  EXPECT_EQ(read("d.bmes", "高 勇\tB-N E-N\n男\tO\n", {}, Wanted::words)[0].text, "高 勇");
}

TEST_F(Rows, OfConllWithBadSentences) {
  const std::string content = "a O\n\nb\nc O\n\nd O\n";
  EXPECT_SAYS(refusal(ErrorCode::corrupt, "a.conll", content, {}, Wanted::words),
              "a.conll:3: a word must have 2 columns between blanks, it has 1");
  const auto rows =
      read("a.conll", content, {.bad_rows = "skip", .bad_rows_limit = 0.5}, Wanted::words);
  EXPECT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].text, "d");
  EXPECT_EQ(notes_.bad_rows, 1);
}

TEST_F(Rows, OfPlainLines) {
  const auto rows = read("a.txt", "one text\r\n\nMr. X\n", kUnlabelled);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].text, "one text");
  EXPECT_EQ(rows[1].line, 3u);
  EXPECT_EQ(notes_.format, "lines");
  EXPECT_EQ(words_of(read("a.txt", "Mr. X met Y\nZ\n", kUnlabelled, Wanted::words)[0]),
            "Mr|.|X|met|Y");
  EXPECT_SAYS(refusal(ErrorCode::invalid_argument, "b.txt", "one text\nanother text\n"),
              "no labels");
}

TEST_F(Rows, ThatCannotBeReadNameTheirLine) {
  EXPECT_SAYS(refusal(ErrorCode::corrupt, "a.tsv", "text\tlabel\na\tx\nb\n"),
              "a.tsv:3: a row must have 2 columns as the first one has, it has 1");
  EXPECT_SAYS(refusal(ErrorCode::corrupt, "a.csv", "text,label\na,b,x\n"), "must be quoted");
  EXPECT_SAYS(refusal(ErrorCode::corrupt, "b.tsv", "text\tlabel\n \tx\n"),
              "b.tsv:2: column 'text' must not be empty");
  EXPECT_SAYS(refusal(ErrorCode::corrupt, "c.csv", "text,label\nGr\xFC\xDF,x\n"),
              "c.csv:2, column 'text': text must be UTF-8, and byte 0xfc behind 'Gr'");
  EXPECT_SAYS(refusal(ErrorCode::corrupt, "d.csv", "text,label\n\"a,x\nb,y\n"),
              "d.csv:2: a field begins with a quote there, and the file ends");
  EXPECT_SAYS(refusal(ErrorCode::corrupt, "e.csv", ""), "is empty");
  EXPECT_SAYS(refusal(ErrorCode::corrupt, "f.csv", "text,label\n"), "only a header");
  EXPECT_SAYS(refusal(ErrorCode::corrupt, "g.jsonl", "{\"txt\": \"a\", \"label\": 1}\n"),
              "g.jsonl:1: the row has no field 'text', it has 'txt', 'label'; --text-column");
  EXPECT_SAYS(refusal(ErrorCode::corrupt, "g.jsonl", "{\"text\": \"a\"}\n"), "--label-column");
  EXPECT_SAYS(refusal(ErrorCode::corrupt, "h.jsonl", "{\"text\": \"a\", \"label\": 1}\n[1]\n"),
              "--bad-rows skip");
  EXPECT_SAYS(refusal(ErrorCode::unsupported, "i.json", "[{\"text\": \"a\"}]"), "jq");
  EXPECT_SAYS(refusal(ErrorCode::unsupported, "j.csv",
                      "\xFD"
                      "7zXZ\0\0"),
              "xz -d");
  EXPECT_SAYS(refusal(ErrorCode::invalid_argument, "k.tsv", "a\tb\n", {.format = "xml"}),
              "--data-format");
}

TEST_F(Rows, ThatAreBadAreLeftOutAndCounted) {
  std::string table = "text,label\n";
  for (int i = 0; i < 98; ++i) table += "text " + std::to_string(i) + ",x\n";
  table += "only one\n\xFF,x\n";
  EXPECT_SAYS(refusal(ErrorCode::corrupt, "a.csv", table, {.bad_rows = "skip"}),
              "2 of 100 rows cannot be read, above the limit of 1 %");
  EXPECT_EQ(read("a.csv", table, {.bad_rows = "skip", .bad_rows_limit = 0.02}).size(), 98u);
  EXPECT_EQ(notes_.first_bad_rows.size(), 2u);
}

// A pipe whose writer waits for each answer.
TEST_F(Rows, OfAPipeComeAsTheirLinesCome) {
  const std::string path = (folder_.path() / "pipe").string();
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  int answers[2];
  ASSERT_EQ(::pipe(answers), 0);
  std::thread writer([&] {
    std::ofstream pipe(path, std::ios::binary);
    for (const char* line : {"\n{\"text\": \"a\"}\n", "{\"text\": \"b\"}\n", "{\"text\": \"c\"}"}) {
      pipe << line << std::flush;
      char answer = 0;
      const bool last = std::string_view(line).find('c') != std::string_view::npos;
      EXPECT_EQ(last ? 1 : ::read(answers[0], &answer, 1), 1);
    }
  });
  RowReader reader(path, kUnlabelled, Wanted::text);
  std::string texts;
  std::uint64_t line = 0;
  for (Row row; reader.next(row);) {
    texts += row.text;
    line = row.line;
    EXPECT_EQ(row.text == "c" ? 1 : ::write(answers[1], "x", 1), 1);
  }
  writer.join();
  ::close(answers[0]);
  ::close(answers[1]);
  EXPECT_EQ(texts, "abc");
  EXPECT_EQ(line, 4u);
  EXPECT_EQ(reader.notes().format, "jsonl");
}

TEST_F(Rows, OfACompressedPipe) {
  const std::string path = (folder_.path() / "pipe").string();
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::thread writer(
      [&] { std::ofstream(path, std::ios::binary) << test::gzip("text\tlabel\na\tx\nb\ty\n"); });
  const auto rows = read_rows(path, {}, Wanted::text);
  writer.join();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].text, "b");
}

TEST(RowOptions, AreDeclared) {
  RowOptions rows;
  OptionSet options("finetune");
  declare(rows, options);
  options.set("text_column", std::vector<std::string>{"a", "b"});
  options.set("label_separator", "|");
  EXPECT_EQ(joined(rows.text_columns), "a|b");
  EXPECT_EQ(rows.label_separator, "|");
}

}  // namespace
}  // namespace stemma::labelled

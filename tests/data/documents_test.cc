#include "data/documents.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "data/text_content.h"
#include "tests/data/support.h"

namespace stemma {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::TemporaryFolder;

std::vector<std::string> read_documents(const std::vector<fs::path>& paths,
                                        const DocumentOptions& options = {}) {
  DocumentReader reader(find_text_files(paths), options);
  std::vector<std::string> texts;
  for (Document document; reader.next(document);) texts.push_back(document.text);
  EXPECT_EQ(reader.position_bytes(), reader.total_bytes());
  return texts;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += text;
  return all;
}

using Texts = std::vector<std::string>;

TEST(Documents, EndAtMarkLines) {
  TemporaryFolder folder;
  const fs::path file =
      folder.write("a.txt",
                   "one\n\nmore\n<|endoftext|>\n  \n<|endoftext|>\r\n"
                   "two <|endoftext|> inside\n <|endoftext|> \r\n<|endoftext|>\t\nlast");
  EXPECT_EQ(read_documents({file}), (Texts{"one\n\nmore\n", "two <|endoftext|> inside\n", "last"}));
}

// Behind what is looked at, or one character in a thousand.
TEST(Documents, TextMayHoldAnyBytes) {
  TemporaryFolder folder;
  const std::string bytes("\xFF\x00\xC3\n\x80\x01", 6);
  const std::string text(kLookBytes, 'x');
  const fs::path file = folder.write("a.txt", text + bytes + "\n<|endoftext|>\n" + bytes);
  EXPECT_EQ(read_documents({file}), (Texts{text + bytes + "\n", bytes}));
  const std::string damaged = text.substr(0, 2000) + "\xC3";
  EXPECT_EQ(read_documents({folder.write("b.txt", damaged)}), Texts{damaged});
}

// What is looked at first may be fine and the rest not.
TEST(Documents, DamageAnywhereIsCountedAndAboveOneInAThousandRefused) {
  TemporaryFolder folder;
  const std::string fine(2 * kLookBytes, 'x');
  const fs::path some = folder.write("some.txt", fine + "\nB\xE4r\n");
  DocumentReader reader(find_text_files({some}), {});
  for (Document document; reader.next(document);) {
  }
  EXPECT_EQ(reader.notes().damaged, 1u);
  EXPECT_EQ(reader.notes().first_damaged, some.string() + ":2");
  DocumentOptions strict;
  strict.strict = true;
  error_of(ErrorCode::corrupt, [&] { read_documents({some}, strict); });
  std::string latin;
  for (int i = 0; i < 1000; ++i) latin += "B\xE4r ";
  const std::string message = error_of(
      ErrorCode::corrupt, [&] { read_documents({folder.write("half.txt", fine + "\n" + latin)}); });
  EXPECT_NE(message.find("1000 of its"), std::string::npos) << message;
  EXPECT_NE(message.find("half.txt:2"), std::string::npos) << message;
  // In a folder it is left out; the others are read.
  folder.write("in/a.txt", "A");
  folder.write("in/half.txt", fine + "\n" + latin);
  folder.write("in/z.txt", "Z");
  DocumentReader in(find_text_files({folder.path() / "in"}), {});
  Texts texts;
  for (Document document; in.next(document);) texts.push_back(document.text);
  EXPECT_EQ(texts, (Texts{"A", "Z"}));
  EXPECT_EQ(in.found().files.size(), 2u);
  EXPECT_NE(describe_left_out(in.found()).find("half.txt"), std::string::npos);
  EXPECT_EQ(in.position_bytes(), in.total_bytes());
}

TEST(Documents, HalvesOfUtf16AreCounted) {
  TemporaryFolder folder;
  const fs::path file = folder.write("a.txt", std::string("\xFF\xFE"
                                                          "a\0\x00\xD8"
                                                          "b\0c",
                                                          9));
  DocumentReader reader(find_text_files({file}), {});
  for (Document document; reader.next(document);) {
  }
  EXPECT_EQ(reader.notes().replaced, 2u);
}

TEST(Documents, MarksInsideLinesAreCountedOrTaken) {
  TemporaryFolder folder;
  const fs::path file = folder.write(
      "a.txt", "one<|endoftext|>two\nmore <|endoftext|>\n<|endoftext|> three <|endoftext|>four");
  DocumentOptions options;
  DocumentReader reader(find_text_files({file}), options);
  Document document;
  while (reader.next(document)) continue;
  EXPECT_EQ(reader.notes().documents, 1);
  EXPECT_EQ(reader.notes().marks_inside, 3);
  EXPECT_TRUE(reader.notes().first_mark_inside.ends_with("a.txt:1"));
  options.document_mark = "anywhere";
  EXPECT_EQ(read_documents({file}, options), (Texts{"one", "two\nmore ", " three ", "four"}));
}

TEST(Documents, BadRowsAreSkippedWhereAsked) {
  TemporaryFolder folder;
  std::string rows;
  for (int i = 0; i < 300; ++i) rows += "{\"text\": \"row\"}\n";
  rows += "{\"text\": null}\n{\"text\": \"a\", \"x\": NaN}\n{\"text\": \"cut";
  const fs::path file = folder.write("a.jsonl", rows);
  error_of(ErrorCode::corrupt, [&] { read_documents({file}); });
  DocumentOptions options;
  options.bad_rows = "skip";
  DocumentReader reader(find_text_files({file}), options);
  Document document;
  while (reader.next(document)) EXPECT_EQ(document.text, "row");
  EXPECT_EQ(reader.notes().rows, 303);
  EXPECT_EQ(reader.notes().bad_rows, 3);
  ASSERT_EQ(reader.notes().first_bad_rows.size(), 3u);
  EXPECT_NE(reader.notes().first_bad_rows[1].find("a.jsonl:302"), std::string::npos);
  // The share is of the rows of all files.
  const fs::path first = folder.write("0.jsonl", "{\"text\": \"row\"}\n[]\n");
  EXPECT_EQ(read_documents({first, file},
                           [&] {
                             DocumentOptions more = options;
                             more.bad_rows_limit = 0.02;
                             return more;
                           }())
                .size(),
            301u);
  options.bad_rows_limit = 0.005;
  const std::string message =
      error_of(ErrorCode::corrupt, [&] { read_documents({file}, options); });
  EXPECT_NE(message.find("3 of 303"), std::string::npos) << message;
  EXPECT_NE(message.find("--bad-rows-limit"), std::string::npos) << message;
}

TEST(Documents, ByteOrderMarkIsLeftOut) {
  TemporaryFolder folder;
  EXPECT_EQ(read_documents({folder.write("a.txt", "\xEF\xBB\xBFhello")}), Texts{"hello"});
  EXPECT_EQ(read_documents({folder.write("a.jsonl", "\xEF\xBB\xBF{\"text\":\"x\"}\n")}),
            Texts{"x"});
  EXPECT_EQ(read_documents({folder.write("b.txt", "\xEF\xBB\xBF")}), Texts{});
}

TEST(Documents, WithoutMarksAreCutAtBlankLines) {
  TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 4000; ++i)
    text += "paragraph " + std::to_string(i) + "\n with lines of some more words in it\n\n" +
            (i % 3 == 0 ? " \n" : "");
  const Texts texts = read_documents({folder.write("book.txt", text)});
  EXPECT_EQ(joined(texts), text);
  ASSERT_GT(texts.size(), 2u);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_TRUE(texts[i].starts_with("paragraph ")) << texts[i].substr(0, 40);
    if (i + 1 < texts.size()) {
      EXPECT_GE(texts[i].size(), 64u << 10);
      EXPECT_LT(texts[i].size(), (64u << 10) + 200);
    }
  }
}

TEST(Documents, WithoutBlankLinesAreCutAtLineEnds) {
  TemporaryFolder folder;
  std::string text;
  while (text.size() < 600'000) text += "Genesis1:1 In the beginning God created the heaven.\n";
  const Texts texts = read_documents({folder.write("bible.txt", text)});
  EXPECT_EQ(joined(texts), text);
  ASSERT_EQ(texts.size(), 5u);
  for (std::size_t i = 0; i + 1 < texts.size(); ++i) {
    EXPECT_EQ(texts[i].back(), '\n');
    EXPECT_NEAR(static_cast<double>(texts[i].size()), 128 << 10, 100);
  }
}

TEST(Documents, SmallGroupsForTests) {
  TemporaryFolder folder;
  DocumentOptions options;
  options.group_bytes = 4;
  EXPECT_EQ(read_documents({folder.write("a.txt", "aaaa\n\n\nbbbb\n\nc\n\nd\n")}, options),
            (Texts{"aaaa\n\n\n", "bbbb\n\n", "c\n\nd\n"}));
}

TEST(Documents, LinesAreCounted) {
  TemporaryFolder folder;
  const fs::path marked = folder.write("a.txt", "one\ntwo\n<|endoftext|>\nthree\n");
  DocumentOptions options;
  options.group_bytes = 2;
  const fs::path plain = folder.write("b.txt", "\nx\n\ny\n\nz\n");
  DocumentReader reader(find_text_files({marked, plain}), options);
  std::vector<std::pair<std::size_t, std::uint64_t>> places;
  for (Document document; reader.next(document);) places.emplace_back(document.file, document.line);
  EXPECT_EQ(places, (std::vector<std::pair<std::size_t, std::uint64_t>>{
                        {0, 1}, {0, 4}, {1, 1}, {1, 4}, {1, 6}}));
}

TEST(Documents, JsonlRows) {
  TemporaryFolder folder;
  const fs::path file = folder.write(
      "a.JSONL",
      "{\"text\": \"caf\\u00e9\\n\", \"id\": 1}\r\n\n{\"text\": \"\"}\n{\"text\":\"b\"}");
  EXPECT_EQ(read_documents({file}), (Texts{"caf\xC3\xA9\n", "b"}));
  DocumentOptions options;
  options.text_field = "body";
  EXPECT_EQ(read_documents({folder.write("b.ndjson", "{\"body\":\"x\",\"text\":3}\n")}, options),
            Texts{"x"});
}

TEST(Documents, JsonlErrorsNameFileAndLine) {
  TemporaryFolder folder;
  const auto message = [&](const std::string& row) {
    const fs::path file = folder.write("bad.jsonl", "{\"text\":\"fine\"}\n" + row + "\n");
    return error_of(ErrorCode::corrupt, [&] { read_documents({file}); });
  };
  for (const std::string row : {"{\"text\":", "{\"text\":\"\xFF\"}", "{\"text\":\"a\"} x", "[1]",
                                "{\"body\":\"a\"}", "{\"text\":3}", "{}", "nonsense"})
    EXPECT_NE(message(row).find("bad.jsonl:2"), std::string::npos) << message(row);
  EXPECT_NE(message("{\"body\":\"a\"}").find("'body'"), std::string::npos);
}

TEST(Documents, CompressedGiveTheSameBytes) {
  TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 60'000; ++i)  // 2.4 MB: several input buffers and line buffers
    text += "line " + std::to_string(i * 2654435761u) + (i % 50 == 49 ? "\n<|endoftext|>\n" : "\n");
  const Texts plain = read_documents({folder.write("a.txt", text)});
  EXPECT_EQ(plain.size(), 1200u);
  EXPECT_EQ(read_documents({folder.write("a.txt.gz", test::gzip(text))}), plain);
  EXPECT_EQ(read_documents({folder.write("a.txt.zst", test::zstd(text))}), plain);
  const std::string half = text.substr(0, text.size() / 2), rest = text.substr(text.size() / 2);
  EXPECT_EQ(read_documents({folder.write(
                "b.txt.gz", test::gzip(half) + test::gzip(rest) + std::string(300, '\0'))}),
            plain);
  EXPECT_EQ(read_documents({folder.write("b.txt.zst", test::zstd(half) + test::zstd(rest))}),
            plain);
  EXPECT_EQ(read_documents({folder.write("c.jsonl.zst", test::zstd("{\"text\":\"row\"}\n"))}),
            Texts{"row"});
}

TEST(Documents, HighlyCompressibleData) {
  TemporaryFolder folder;
  const std::string text(20'000'000, 'a');  // one line, one document
  EXPECT_EQ(read_documents({folder.write("a.txt.gz", test::gzip(text))}), Texts{text});
  EXPECT_EQ(read_documents({folder.write("a.txt.zst", test::zstd(text))}), Texts{text});
}

TEST(Documents, ExtensionsInCapitalsMeanTheSame) {
  TemporaryFolder folder;
  const std::string text = "some words\n";
  EXPECT_EQ(read_documents({folder.write("A.TXT.GZ", test::gzip(text))}), Texts{text});
  EXPECT_EQ(read_documents({folder.write("A.ZST", test::zstd(text))}), Texts{text});
}

TEST(Documents, EveryTruncationOfCompressedDataIsFound) {
  TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 200; ++i) text += "some words " + std::to_string(i * i) + "\n";
  for (const std::string kind : {"gz", "zst"}) {
    const std::string whole = kind == "gz" ? test::gzip(text) : test::zstd(text);
    for (std::size_t size = 0; size < whole.size(); size += 1 + size / 7) {
      const fs::path file = folder.write("cut.txt." + kind, whole.substr(0, size));
      const std::string message = error_of(ErrorCode::corrupt, [&] { read_documents({file}); });
      EXPECT_NE(message.find("cut.txt." + kind), std::string::npos) << message;
      EXPECT_NE(message.find("byte "), std::string::npos) << message;
    }
    std::string flipped = whole;
    flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 0x10);
    error_of(ErrorCode::corrupt,
             [&] { read_documents({folder.write("flip.txt." + kind, flipped)}); });
    error_of(ErrorCode::corrupt,
             [&] { read_documents({folder.write("tail.txt." + kind, whole + "garbage")}); });
    error_of(ErrorCode::corrupt, [&] { read_documents({folder.write("no.txt." + kind, text)}); });
  }
}

TEST(Documents, LongDocumentsHaveAStatedLimit) {
  TemporaryFolder folder;
  DocumentOptions options;
  options.limit_bytes = 3'000'000;
  const std::string fits(2'999'999, 'x');
  EXPECT_EQ(read_documents({folder.write("a.txt", fits + "\n")}, options), Texts{fits + "\n"});
  const std::string message = error_of(ErrorCode::unsupported, [&] {
    read_documents({folder.write("b.txt", "short\n\n" + fits + "xx\n")}, options);
  });
  EXPECT_NE(message.find("b.txt:3"), std::string::npos) << message;
  EXPECT_NE(message.find("3000000"), std::string::npos) << message;
}

TEST(Documents, FoldersAreSortedAndHiddenFilesSkipped) {
  TemporaryFolder folder;
  folder.write("in/b.txt", "B");
  folder.write("in/a.txt", "A");
  folder.write("in/.hidden", "H");
  folder.write("in/.git/x.txt", "H");
  folder.write("in/deep/c.txt", "C");
  EXPECT_EQ(read_documents({folder.path() / "in"}), (Texts{"A", "B", "C"}));
  EXPECT_EQ(read_documents({folder.path() / "in/b.txt", folder.path() / "in/a.txt"}),
            (Texts{"B", "A"}));
}

TEST(Documents, MissingFilesAndBadOptionsAreRefused) {
  TemporaryFolder folder;
  error_of(ErrorCode::not_found, [&] { find_text_files({folder.path() / "none.txt"}); });
  error_of(ErrorCode::invalid_argument, [&] { DocumentReader({}, {.text_field = ""}); });
  EXPECT_EQ(read_documents({folder.write("empty.txt", "")}), Texts{});
}

}  // namespace
}  // namespace stemma

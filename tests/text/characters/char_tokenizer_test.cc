#include "text/characters/char_tokenizer.h"

#include <fstream>
#include <functional>

#include <gtest/gtest.h>

#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"
#include "tests/text/support.h"
#include "text/char_trainer.h"
#include "text/characters/vocab_txt.h"

namespace stemma::characters {
namespace {

using test::encode;
using test::Ids;

std::shared_ptr<const CharTokenizer> trained_characters(const CharTrainerOptions& options,
                                                        const std::vector<std::string>& texts) {
  CharTrainer trainer(options);
  for (const std::string& text : texts) trainer.add_document(text);
  return trainer.train();
}

TEST(ByteTokenizer, IdsAreBytes) {
  const auto bytes = open_tokenizer("bytes");
  EXPECT_EQ(bytes->vocab_size(), 257);
  EXPECT_EQ(bytes->end_of_text(), 256);
  EXPECT_EQ(bytes->bytes_of(256), "<|endoftext|>");
  EXPECT_EQ(encode(*bytes, std::string("a\0\xC3\xA9\xFF", 5)), (Ids{97, 0, 195, 169, 255}));
  EXPECT_EQ(encode(*bytes, "<|endoftext|>").size(), 13u);
  EXPECT_TRUE(encode(*bytes, "").empty());
  EXPECT_ERROR(bytes->bytes_of(257), ErrorCode::invalid_argument, "257 is out of range");
  EXPECT_ERROR(bytes->bytes_of(-1), ErrorCode::invalid_argument, "-1 is out of range");
}

TEST(CharTrainer, KeepsTheMostFrequentTiesByCodePoint) {
  const std::vector<std::string> texts = {"ééé中中aaaa",
                                          "中ääö\xFF"
                                          "üü"};
  // é and 中 three times, ä and ü twice, ö once.
  const auto all = trained_characters({}, texts);
  EXPECT_EQ(all->vocab_size(), 256 + 5 + 1);
  EXPECT_EQ(encode(*all, "é中äüö"), (Ids{256, 257, 258, 259, 260}));
  EXPECT_EQ(all->end_of_text(), 261);
  const auto three = trained_characters({.vocab_size = 256 + 3 + 1}, texts);
  EXPECT_EQ(encode(*three, "é中ä"), (Ids{256, 257, 258}));
  EXPECT_EQ(encode(*three, "ü"), (Ids{0xC3, 0xBC}));
  const auto twice = trained_characters({.min_frequency = 2}, texts);
  EXPECT_EQ(twice->vocab_size(), 256 + 4 + 1);
  CharTrainer trainer;
  trainer.add_document("aé\U0010FFFF");
  EXPECT_EQ(trainer.distinct_characters(), 2u);
  EXPECT_ERROR(CharTrainer({.vocab_size = 256}), ErrorCode::invalid_argument, "at least 257");
  EXPECT_ERROR(CharTrainer({.special_tokens = {"<a>", "<a>"}}), ErrorCode::invalid_argument,
               "twice");
}

TEST(CharTokenizer, AnyBytesComeBack) {
  std::mt19937 random(1);
  const auto some = trained_characters({.vocab_size = 260}, {"é中\U0010FFFF"
                                                             "ü"});
  for (int i = 0; i < 300; ++i) {
    const std::string text =
        i % 2 == 0 ? test::random_bytes(random, 50)
                   : test::random_text(random,
                                       {"é", "中", "\xF4\x8F\xBF\xBF", "\xC3", "\xE4\xB8",
                                        "\xED\xA0\x80", "\xC0\x80", "a", "\n"},
                                       20);
    EXPECT_EQ(some->decode(encode(*some, text)), text);
  }
}

TEST(CharTokenizer, FilesAndFoldersComeBack) {
  const TemporaryFolder folder;
  const std::string text = "a\n\r\t é中\u00A0\u2028\uFEFF\u0085<>#\"\\\xFF";
  const auto tokenizer = trained_characters({}, {text});
  std::filesystem::create_directories(folder / "all");
  tokenizer->save(folder / "all");
  std::filesystem::create_directories(folder / "lines");
  save_vocab_txt(*tokenizer, folder / "lines/vocab.txt");
  for (const auto& source : {folder / "all", folder / "all/tokenizer.json",
                             folder / "all/vocab.txt", folder / "lines"}) {
    const auto opened = open_tokenizer(source);
    EXPECT_EQ(encode(*opened, text), encode(*tokenizer, text)) << source;
    EXPECT_EQ(opened->special_tokens(), tokenizer->special_tokens());
    EXPECT_EQ(opened->end_of_text(), tokenizer->end_of_text());
    ASSERT_EQ(opened->vocab_size(), tokenizer->vocab_size());
    for (std::int32_t id = 0; id < opened->vocab_size(); ++id)
      ASSERT_EQ(opened->bytes_of(id), tokenizer->bytes_of(id));
  }
}

class VocabTxt : public testing::Test {
 protected:
  void SetUp() override {
    const TemporaryFolder folder;
    save_vocab_txt(*byte_tokenizer(), folder / "vocab.txt");
    bytes_ = read_file(folder / "vocab.txt");
  }
  std::shared_ptr<const CharTokenizer> parse(const std::string& text) {
    return parse_vocab_txt(text, "v.txt");
  }
  std::string bytes_;  // 257 lines
};

TEST_F(VocabTxt, IsWrittenAsTheHeaderSays) {
  EXPECT_TRUE(bytes_.starts_with("<0x00>\n<0x01>\n"));
  EXPECT_NE(bytes_.find("\n<0x20>\n!\n\"\n#\n"), bytes_.npos);
  EXPECT_NE(bytes_.find("\n~\n<0x7F>\n<0x80>\n"), bytes_.npos);
  EXPECT_TRUE(bytes_.ends_with("\n<0xFF>\n<|endoftext|>\n"));
  const TemporaryFolder folder;
  save_vocab_txt(*trained_characters({}, {"é\u00A0\u2028\uFEFF\U0001F642"}), folder / "v.txt");
  EXPECT_TRUE(
      read_file(folder / "v.txt")
          .ends_with("\n<0xFF>\n<U+00A0>\né\n<U+2028>\n<U+FEFF>\n\U0001F642\n<|endoftext|>\n"));
}

TEST_F(VocabTxt, ReadsEveryFormOfALine) {
  const auto more = parse(bytes_ + "é\n<U+4E2D>\n<U+01F642>\n<name>");
  EXPECT_EQ(encode(*more, "é中\U0001F642"), (Ids{257, 258, 259}));
  EXPECT_EQ(more->special_tokens().back(), std::pair(std::string("<name>"), 260));
  EXPECT_EQ(more->end_of_text(), 256);
  EXPECT_EQ(parse_vocab_txt(bytes_ + "<name>", "v", "<name>")->end_of_text(), 257);
  std::string crlf;
  for (const char c : bytes_) crlf += c == '\n' ? "\r\n" : std::string(1, c);
  EXPECT_EQ(encode(*parse(crlf), "a\r\n"), (Ids{97, 13, 10}));
  // The order of the lines is free.
  EXPECT_EQ(encode(*parse("é\n" + bytes_), "éa"), (Ids{0, 98}));
}

TEST_F(VocabTxt, RefusesDamageWithItsLine) {
  const auto code = ErrorCode::corrupt;
  EXPECT_ERROR(parse(""), code, "v.txt");
  for (std::size_t size = 1; size < bytes_.size() - 30; size += 97)
    EXPECT_ERROR(parse(bytes_.substr(0, size)), code, "v.txt");
  EXPECT_ERROR(parse(bytes_ + "\na"), code, "v.txt] line 258 is empty");
  EXPECT_ERROR(parse(bytes_ + "ab\n"), code, "line 258 must be one character");
  EXPECT_ERROR(parse(bytes_ + "<\n"), code, "has two ids, 60 and 257");
  EXPECT_ERROR(parse(bytes_ + "<0x41>\n"), code, "has two ids");
  EXPECT_ERROR(parse(bytes_ + "é\n<U+00E9>\n"), code, "has two ids");
  EXPECT_ERROR(parse(bytes_ + "<|endoftext|>\n"), code, "two ids");
  EXPECT_ERROR(parse(bytes_ + "\xE9\n"), code, "line 258 is not UTF-8");
  EXPECT_ERROR(parse(bytes_ + "<\xE9>\n"), code, "line 258 is not UTF-8");
  EXPECT_ERROR(parse("\xEF\xBB\xBF" + bytes_), code, "byte order mark");
  EXPECT_ERROR(parse("\xFE\xFF" + bytes_), code, "UTF-16");
  EXPECT_ERROR(parse(bytes_ + std::string("\0\n", 2)), code, "line 258 holds a NUL byte");
  EXPECT_ERROR(parse(bytes_.substr(7)), code, "byte 0x00");
  // No escapes: other things in angle brackets are names.
  for (const char* name : {"<0x4>", "<0x4g>", "<0x041>", "<U+E9>", "<U+D800>", "<U+110000>"})
    EXPECT_EQ(parse(bytes_ + name)->special_tokens().back().first, name);
}

TEST_F(VocabTxt, RefusesWordPieceByName) {
  EXPECT_ERROR(parse("[PAD]\n[UNK]\n[CLS]\nthe\n##ing\n"), ErrorCode::unsupported, "WordPiece");
  EXPECT_ERROR(parse(bytes_ + "the\n##s\n"), ErrorCode::unsupported, "WordPiece");
}

TEST_F(VocabTxt, RefusesTwoGigabytes) {
  const TemporaryFolder folder;
  std::ofstream(folder / "vocab.txt") << "";
  std::filesystem::resize_file(folder / "vocab.txt", std::uintmax_t{2} << 30);
  EXPECT_ERROR(open_tokenizer(folder / "vocab.txt"), ErrorCode::corrupt, "must be at most");
}

}  // namespace
}  // namespace stemma::characters

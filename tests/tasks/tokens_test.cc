// Words and the pieces that stand for them.
#include <map>

#include "tests/tasks/support.h"

namespace stemma::tasks {
namespace {

class WordEncoding : public ::testing::Test {
 protected:
  std::unique_ptr<Task> task(std::int64_t max_tokens, bool windows, bool last_piece = false) const {
    TaskDescription d = described(TaskKind::tokens, {"O", "B-X", "I-X"}, max_tokens);
    d.tag_scheme = "BIO";
    d.windows = windows;
    d.last_piece = last_piece;
    return make_task(d, *tokenizer_);
  }
  std::shared_ptr<const Tokenizer> tokenizer_ = letter_tokenizer();
};

// The id whose state stands for a word; -1 where none does.
std::int32_t id_of_word(const EncodedExample& e, std::size_t word) {
  const std::int32_t row = e.word_rows[word];
  if (row < 0) return -1;
  const HeadTerm& term = e.terms[static_cast<std::size_t>(row)];
  EXPECT_EQ(term.row, row);
  return e.texts[static_cast<std::size_t>(term.text)].ids[static_cast<std::size_t>(term.token)];
}

TEST_F(WordEncoding, TakesTheFirstPieceOrTheLast) {
  const labelled::Row row = word_row("ab c def", {"B-X", "I-X", "O"});
  const EncodedExample first = task(32, false)->encode(row);
  ASSERT_EQ(first.texts.size(), 1u);
  EXPECT_EQ(first.texts[0].ids, joined({{kClass}, letters_of(row.text), {kSeparator}}));
  EXPECT_EQ(first.rows, 3);
  EXPECT_EQ(first.word_rows, (std::vector<std::int32_t>{0, 1, 2}));
  EXPECT_EQ(id_of_word(first, 0), letter('a'));
  EXPECT_EQ(id_of_word(first, 1), letter('c'));
  EXPECT_EQ(id_of_word(first, 2), letter('d'));
  EXPECT_EQ(first.wanted, (std::vector<float>{0, 1, 0, 0, 0, 1, 1, 0, 0}));
  const EncodedExample last = task(32, false, true)->encode(row);
  EXPECT_EQ(id_of_word(last, 0), inner('b'));
  EXPECT_EQ(id_of_word(last, 1), letter('c'));
  EXPECT_EQ(id_of_word(last, 2), inner('f'));
}

// Byte-level pieces keep the blank before a word, as in running text.
TEST(WordEncodingOfDecoders, KeepsTheBlankBeforeAWord) {
  const auto bytes = byte_tokenizer();
  TaskDescription d = described(TaskKind::tokens, {"O", "B-X"});
  d.last_piece = true;
  const auto t = make_task(d, *bytes);
  const EncodedExample e = t->encode(word_row("ab c"));
  EXPECT_EQ(e.texts[0].ids, t->framer().ids("ab c"));
  EXPECT_EQ(id_of_word(e, 0), t->framer().ids("b")[0]);
  EXPECT_EQ(id_of_word(e, 1), t->framer().ids("c")[0]);
}

TEST_F(WordEncoding, WordsWithoutPiecesHaveNoVector) {
  // A zero-width space and a soft hyphen are no text to WordPiece.
  const auto t = task(32, false);
  labelled::Row row = word_row("a \u200b b \u00ad", {"B-X", "O", "B-X", "O"});
  ASSERT_EQ(row.words.size(), 4u);
  const EncodedExample e = t->encode(row);
  EXPECT_EQ(e.word_rows, (std::vector<std::int32_t>{0, -1, 1, -1}));
  EXPECT_EQ(e.rows, 2);
  EXPECT_EQ(e.cut_tokens, 0);
  EXPECT_EQ(e.wanted, (std::vector<float>{0, 1, 0, 0, 1, 0}));
  const Prediction p = t->predict(row, e, std::vector<float>{0, 5, 0, 0, 0, 5});
  EXPECT_EQ(p.tags, (std::vector<std::string>{"B-X", "O", "I-X", "O"}));
  EXPECT_EQ(p.entities.size(), 2u);
  const EncodedExample none = t->encode(word_row("\u200b"));
  EXPECT_EQ(none.rows, 0);
  EXPECT_TRUE(none.terms.empty());
  EXPECT_EQ(t->predict(word_row("\u200b"), none, {}).tags, std::vector<std::string>{"O"});
  EXPECT_EQ(t->encode(word_row("")).rows, 0);
}

TEST_F(WordEncoding, CutsAfterTheLastWordThatFits) {
  const auto t = task(7, false);  // five pieces
  const labelled::Row row = word_row("ab cd ef g", {"O", "O", "B-X", "O"});
  const EncodedExample e = t->encode(row);
  EXPECT_EQ(e.word_rows, (std::vector<std::int32_t>{0, 1, -1, -1}));
  EXPECT_EQ(e.cut_tokens, 3);
  EXPECT_EQ(e.texts[0].ids, joined({{kClass}, letters_of("ab cd"), {kSeparator}}));
  EXPECT_EQ(t->predict(row, e, std::vector<float>(6)).tags.size(), 4u);
  // A tag that training never saw, where it is read and where it was cut off.
  EXPECT_TRUE(t->encode(word_row("ab cd", {"O", "B-Y"})).wanted.empty());
  EXPECT_EQ(t->encode(word_row("ab cd ef", {"O", "O", "B-Y"})).wanted.size(), 6u);
}

TEST_F(WordEncoding, AWordLongerThanASequenceIsReadAsFarAsItFits) {
  for (const bool windows : {false, true}) {
    const auto t = task(7, windows);
    const EncodedExample e = t->encode(word_row("abcdefghij k", {"B-X", "O"}));
    EXPECT_EQ(e.texts[0].ids, joined({{kClass}, letters_of("abcde"), {kSeparator}}));
    EXPECT_EQ(id_of_word(e, 0), letter('a'));
    EXPECT_EQ(id_of_word(e, 1), windows ? letter('k') : -1);
  }
}

// Every word has a vector, of its own piece, in the window that shows most on both of its sides.
TEST_F(WordEncoding, WindowsReadEveryWord) {
  std::string text;
  for (int w = 0; w < 40; ++w)
    text += (w ? " " : "") +
            std::string(static_cast<std::size_t>(1 + w * 7 % 4), static_cast<char>('a' + w % 26));
  const labelled::Row row = word_row(text);
  for (const bool last_piece : {false, true})
    for (std::int64_t most = 6; most <= 30; ++most) {
      const auto t = task(most, true, last_piece);
      const EncodedExample e = t->encode(row);
      ASSERT_EQ(e.rows, 40);
      EXPECT_EQ(e.cut_tokens, 0);
      for (const Framed& window : e.texts) {
        ASSERT_LE(std::ssize(window.ids), most);
        ASSERT_GT(std::ssize(window.ids), 2);
      }
      for (std::size_t w = 0; w < 40; ++w) {
        const char c = static_cast<char>('a' + static_cast<int>(w) % 26);
        const bool single = row.words[w].end - row.words[w].begin == 1;
        ASSERT_EQ(id_of_word(e, w), last_piece && !single ? inner(c) : letter(c))
            << w << " of windows of " << most;
        ASSERT_EQ(e.word_rows[w], static_cast<std::int32_t>(w));
      }
    }
}

// With windows of eight words that begin every four, a word in the middle has neighbours on both
// sides.
TEST_F(WordEncoding, WindowsShowWhatStandsAround) {
  std::string text;
  for (char c = 'a'; c <= 'z'; ++c) text += (c == 'a' ? "" : " ") + std::string(1, c);
  const auto t = task(10, true);
  const EncodedExample e = t->encode(word_row(text));
  ASSERT_EQ(e.texts.size(), 6u);
  for (std::size_t w = 0; w < 26; ++w) {
    const HeadTerm& term = e.terms[w];
    const Ids& ids = e.texts[static_cast<std::size_t>(term.text)].ids;
    const std::int64_t before = term.token - 1, behind = std::ssize(ids) - 2 - term.token;
    EXPECT_GE(before, std::min<std::int64_t>(2, static_cast<std::int64_t>(w))) << w;
    EXPECT_GE(behind, std::min<std::int64_t>(2, 25 - static_cast<std::int64_t>(w))) << w;
  }
}

// The words of real text with the real vocabulary: a word cut into pieces by itself has the pieces
// that it has in its sentence.
TEST(WordEncodingOfMiniLm, WordsHaveTheirPiecesOfTheSentence) {
  const std::filesystem::path folder = minilm_folder();
  if (folder.empty()) GTEST_SKIP() << "SKIPPED: needs models/minilm (scripts/get-model.sh minilm)";
  const auto tokenizer = open_tokenizer(folder.string());
  TaskDescription d = described(TaskKind::tokens, {"O", "B-PER"}, 128);
  const auto t = make_task(d, *tokenizer);
  const labelled::Row row =
      word_row("EU rejects Blackburn 's antidisestablishmentarianism on 1996-08-22 caf\u00e9 .");
  const EncodedExample e = t->encode(row);
  ASSERT_EQ(e.texts.size(), 1u);
  EXPECT_EQ(e.texts[0].ids, tokenizer->frame(t->framer().ids(row.text)).ids);
  EXPECT_EQ(e.rows, std::ssize(row.words));
  // WordPiece gives words back with a blank before them.
  const auto piece = [&](std::size_t w) {
    return std::string(tokenizer->bytes_of(id_of_word(e, w)));
  };
  EXPECT_EQ(piece(0), " eu");
  EXPECT_EQ(piece(2), " blackburn");
  EXPECT_EQ(piece(3), " '");
  EXPECT_EQ(piece(4), " anti");
  EXPECT_EQ(piece(6), " 1996");
  EXPECT_EQ(piece(7), " cafe");
  EXPECT_EQ(piece(8), ".");
}

TEST(TextEncodingOfMiniLm, PairsAreThoseOfItsFiles) {
  const std::filesystem::path folder = minilm_folder();
  if (folder.empty()) GTEST_SKIP() << "SKIPPED: needs models/minilm (scripts/get-model.sh minilm)";
  const auto tokenizer = open_tokenizer(folder.string());
  const auto t = make_task(described(TaskKind::entailment, {"no", "yes"}, 16), *tokenizer);
  const EncodedExample e = t->encode(pair_row("A man plays the guitar.", "Someone makes music."));
  // [CLS] a man plays the guitar . [SEP] someone makes music . [SEP]
  EXPECT_EQ(e.texts[0].ids,
            (Ids{101, 1037, 2158, 3248, 1996, 2858, 1012, 102, 2619, 3084, 2189, 1012, 102}));
  EXPECT_EQ(e.texts[0].segments, (Ids{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1}));
}

}  // namespace
}  // namespace stemma::tasks

// How rows become what the model reads, for each task.
#include <cmath>

#include "tests/tasks/support.h"

namespace stemma::tasks {
namespace {

std::vector<std::int32_t> texts_of_terms(const EncodedExample& e) {
  std::vector<std::int32_t> texts;
  for (const HeadTerm& term : e.terms) texts.push_back(term.text);
  return texts;
}

class Encoding : public ::testing::Test {
 protected:
  std::unique_ptr<Task> task(TaskDescription description) const {
    return make_task(std::move(description), *tokenizer_);
  }
  std::shared_ptr<const Tokenizer> tokenizer_ = letter_tokenizer();
};

TEST_F(Encoding, OfAClass) {
  const auto t = task(described(TaskKind::classification, {"neg", "pos"}, 6));
  const EncodedExample e = t->encode(text_row("ab c", {"pos"}));
  ASSERT_EQ(e.texts.size(), 1u);
  EXPECT_EQ(e.texts[0].ids, joined({{kClass}, letters_of("ab c"), {kSeparator}}));
  EXPECT_EQ(e.rows, 1);
  EXPECT_EQ(e.wanted, (std::vector<float>{0, 1}));
  EXPECT_EQ(e.tokens, 5);
  EXPECT_EQ(e.cut_tokens, 0);
  EXPECT_EQ(e.terms.size(), 1u);
  EXPECT_EQ(e.terms[0].token, kWholeText);
  EXPECT_EQ(t->encode(text_row("abcdefg", {"pos"})).cut_tokens, 3);
  EXPECT_EQ(t->encode(text_row("abcdefg", {"pos"})).tokens, 6);
  // Without a label, and with one that training never saw, there is nothing to learn.
  EXPECT_TRUE(t->encode(text_row("ab")).wanted.empty());
  EXPECT_TRUE(t->encode(text_row("ab", {"neutral"})).wanted.empty());
  EXPECT_EQ(t->loss(), ops::GroupLoss::softmax);
}

TEST_F(Encoding, OfSeveralClassesAndOfNumbers) {
  TaskDescription many = described(TaskKind::classification, {"a", "b", "c"});
  many.problem = kMultiLabel;
  const auto t = task(many);
  EXPECT_EQ(t->encode(text_row("x", {"c", "a"})).wanted, (std::vector<float>{1, 0, 1}));
  EXPECT_EQ(t->encode(text_row("x")).wanted, (std::vector<float>{0, 0, 0}));  // none of them
  EXPECT_TRUE(t->encode(text_row("x", {"a", "new"})).wanted.empty());
  EXPECT_EQ(t->loss(), ops::GroupLoss::sigmoid);
  TaskDescription number = described(TaskKind::similarity, {"score"});
  number.problem = kRegression;
  const auto n = task(number);
  EXPECT_EQ(n->encode(pair_row("x", "y", {"-2.5e0"})).wanted, std::vector<float>{-2.5f});
  EXPECT_TRUE(n->encode(pair_row("x", "y")).wanted.empty());
  for (const char* bad : {"nan", "inf", "1.5x", "", "four"})
    EXPECT_ERROR(n->encode(pair_row("x", "y", {bad})), ErrorCode::corrupt, "line 7");
  EXPECT_EQ(n->loss(), ops::GroupLoss::squared);
}

TEST_F(Encoding, OfLongTextsInWindows) {
  TaskDescription d = described(TaskKind::classification, {"neg", "pos"}, 6);
  d.windows = true;
  const auto t = task(d);
  const EncodedExample e = t->encode(text_row("abcdefghij", {"neg"}));
  ASSERT_EQ(e.texts.size(), 4u);  // of four tokens each, by two
  EXPECT_EQ(e.texts[1].ids,
            (Ids{kClass, inner('c'), inner('d'), inner('e'), inner('f'), kSeparator}));
  EXPECT_EQ(texts_of_terms(e), (std::vector<std::int32_t>{0, 1, 2, 3}));
  float sum = 0;
  for (const HeadTerm& term : e.terms) {
    EXPECT_EQ(term.row, 0);
    sum += term.weight;
  }
  EXPECT_FLOAT_EQ(sum, 1);
  EXPECT_EQ(e.rows, 1);
  EXPECT_EQ(e.cut_tokens, 0);
  EXPECT_EQ(e.tokens, 24);
  EXPECT_EQ(t->encode(text_row("ab")).texts.size(), 1u);
}

TEST_F(Encoding, OfPairsInOneOrderOrBoth) {
  const Ids forth =
      joined({{kClass}, letters_of("ab"), {kSeparator}, letters_of("c"), {kSeparator}});
  const Ids back =
      joined({{kClass}, letters_of("c"), {kSeparator}, letters_of("ab"), {kSeparator}});
  const auto entailment = task(described(TaskKind::entailment, {"no", "yes"}));
  const EncodedExample one = entailment->encode(pair_row("ab", "c", {"no"}));
  ASSERT_EQ(one.texts.size(), 1u);
  EXPECT_EQ(one.texts[0].ids, forth);
  EXPECT_EQ(one.texts[0].segments, (Ids{0, 0, 0, 0, 1, 1}));
  TaskDescription d = described(TaskKind::similarity, {"0", "1"});
  d.both_orders = true;
  const EncodedExample both = task(d)->encode(pair_row("ab", "c", {"1"}));
  ASSERT_EQ(both.texts.size(), 2u);
  EXPECT_EQ(both.texts[0].ids, forth);
  EXPECT_EQ(both.texts[1].ids, back);
  ASSERT_EQ(both.terms.size(), 2u);
  for (const HeadTerm& term : both.terms) {
    EXPECT_EQ(term.row, 0);
    EXPECT_EQ(term.weight, 1);  // they are added
  }
  // A description cannot ask for both orders where they differ in meaning.
  d.kind = TaskKind::entailment;
  EXPECT_EQ(task(d)->encode(pair_row("ab", "c")).texts.size(), 1u);
}

// Exchanging the two texts exchanges the two sequences, also where both have to be cut.
TEST_F(Encoding, ExchangedTextsGiveTheSameSequences) {
  TaskDescription d = described(TaskKind::similarity, {"0", "1"}, 10);
  d.both_orders = true;
  const auto t = task(d);
  for (const auto& [a, b] : {std::pair{"ab", "c"},
                             {"abcdefgh", "ij"},
                             {"abcdefgh", "ijklmnop"},
                             {"abcde", "fghijklmno"}}) {
    const EncodedExample forth = t->encode(pair_row(a, b)), back = t->encode(pair_row(b, a));
    EXPECT_EQ(forth.texts[0], back.texts[1]) << a << " " << b;
    EXPECT_EQ(forth.texts[1], back.texts[0]) << a << " " << b;
    EXPECT_EQ(forth.cut_tokens, back.cut_tokens);  // counted once
  }
}

TEST_F(Encoding, OfChoices) {
  const auto t = task(described(TaskKind::choice, {}));
  labelled::Row row = text_row("ab", {"2"});
  row.choices = {"c", "de", "f"};
  const EncodedExample e = t->encode(row);
  EXPECT_EQ(e.rows, 3);
  EXPECT_EQ(e.wanted, (std::vector<float>{0, 0, 1}));
  ASSERT_EQ(e.texts.size(), 3u);
  for (std::int32_t i = 0; i < 3; ++i) {
    const auto at = static_cast<std::size_t>(i);
    EXPECT_EQ(
        e.texts[at].ids,
        joined(
            {{kClass}, letters_of("ab"), {kSeparator}, letters_of(row.choices[at]), {kSeparator}}));
    EXPECT_EQ(e.terms[at].row, i);
    EXPECT_EQ(e.terms[at].text, i);
  }
  EXPECT_TRUE(t->one_answer());
  const Prediction p = t->predict(row, e, std::vector<float>{0, 3, 1});
  EXPECT_EQ(p.label, 1);
  EXPECT_EQ(p.probabilities.size(), 3u);
}

TEST_F(Encoding, MarksOfDecoders) {
  TaskDescription d = described(TaskKind::entailment, {"no", "yes"}, 16);
  d.marks = Marks{300, 301, 302};
  const auto bytes = byte_tokenizer();
  const auto t = make_task(d, *bytes);
  const Ids a = t->framer().ids("ab"), b = t->framer().ids("c");
  EXPECT_EQ(t->encode(pair_row("ab", "c")).texts[0].ids, joined({{300}, a, {301}, b, {302}}));
}

TEST(Answers, OfScores) {
  const auto tokenizer = letter_tokenizer();
  const auto one = make_task(described(TaskKind::classification, {"a", "b", "c"}), *tokenizer);
  const labelled::Row row = text_row("x");
  const EncodedExample e = one->encode(row);
  const Prediction p = one->predict(row, e, std::vector<float>{1, 3, 3});
  EXPECT_EQ(p.label, 1);  // the first of several
  EXPECT_NEAR(p.probabilities[0], std::exp(-2.0) / (2 + std::exp(-2.0)), 1e-15);
  EXPECT_NEAR(p.probabilities[0] + p.probabilities[1] + p.probabilities[2], 1, 1e-15);
  TaskDescription d = described(TaskKind::classification, {"a", "b", "c"});
  d.problem = kMultiLabel;
  const Prediction m =
      make_task(d, *tokenizer)->predict(row, e, std::vector<float>{0, 0.1f, -1000});
  EXPECT_EQ(m.labels, std::vector<std::int64_t>{1});  // above one half, not at it
  EXPECT_EQ(m.probabilities[0], 0.5);
  EXPECT_EQ(m.probabilities[2], 0);
}

}  // namespace
}  // namespace stemma::tasks

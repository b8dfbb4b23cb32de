#include "text/bpe_trainer.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/threads.h"
#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"
#include "tests/text/support.h"
#include "text/files/hugging_face.h"

namespace stemma {
namespace {

using MergeList = std::vector<std::pair<std::string, std::string>>;

MergeList merges_of(const bpe::BpeTokenizer& tokenizer) {
  const bpe::BpeVocabulary& vocabulary = tokenizer.vocabulary();
  MergeList merges;
  for (const bpe::BpeMerge& merge : vocabulary.merges)
    merges.emplace_back(vocabulary.tokens[merge.left], vocabulary.tokens[merge.right]);
  return merges;
}

std::shared_ptr<const bpe::BpeTokenizer> train(std::string_view text, BpeTrainerOptions options) {
  BpeTrainer trainer(options);
  trainer.add_document(text);
  return trainer.train();
}

// fixtures/make_fixtures.py made the expected merges with Hugging Face tokenizers.
TEST(BpeTrainer, EqualsHuggingFaceTokenizers) {
  const std::string corpus = test::fixture("training_corpus.txt");
  const struct {
    std::int32_t vocab_size;
    std::uint64_t min_frequency;
    const char* expected;
  } cases[] = {{700, 2, "training_merges_700_2.txt"}, {2000, 0, "training_merges_2000_0.txt"}};
  for (const auto& [vocab_size, min_frequency, expected] : cases) {
    const auto trained = train(corpus, {.vocab_size = vocab_size, .min_frequency = min_frequency});
    const MergeList merges = tokenizer_files::parse_merges(test::fixture(expected), expected);
    EXPECT_GT(merges.size(), 300u);
    EXPECT_EQ(merges_of(*trained), merges);
  }
}

// Counts every pair anew before every merge. Ids are those of the trainer's rule, so that ties fall
// alike: bytes in file order, then merges.
MergeList train_by_definition(std::string_view text, std::size_t merge_count,
                              std::uint64_t min_frequency) {
  std::map<char, int> id_of;
  std::vector<std::string> tokens;
  for (const std::uint8_t byte : unicode::byte_alphabet_order()) {
    id_of[static_cast<char>(byte)] = static_cast<int>(tokens.size());
    tokens.emplace_back(1, static_cast<char>(byte));
  }
  std::vector<std::vector<int>> words;
  for (const std::string& piece : test::pieces(split::gpt2_splitter(), text)) {
    words.emplace_back();
    for (const char byte : piece) words.back().push_back(id_of[byte]);
  }
  MergeList merges;
  while (merges.size() < merge_count) {
    std::map<std::pair<int, int>, std::uint64_t> counts;
    for (const auto& word : words)
      for (std::size_t i = 1; i < word.size(); ++i) ++counts[{word[i - 1], word[i]}];
    // The first of the largest: the map is in order of the ids.
    const auto best = std::ranges::max_element(counts, {}, [](auto& item) { return item.second; });
    if (best == counts.end() || best->second < min_frequency) break;
    const auto [left, right] = best->first;
    for (auto& word : words)
      for (std::size_t i = 0; i + 1 < word.size(); ++i)
        if (word[i] == left && word[i + 1] == right) {
          word[i] = static_cast<int>(tokens.size());
          word.erase(word.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        }
    merges.emplace_back(tokens[left], tokens[right]);
    tokens.push_back(tokens[left] + tokens[right]);
  }
  return merges;
}

TEST(BpeTrainer, EqualsTheDefinitionOnHardWords) {
  std::mt19937 random(21);
  for (int round = 0; round < 60; ++round) {
    const std::vector<std::string> alphabet =
        round % 3 == 0   ? std::vector<std::string>{"a", "b", " "}
        : round % 3 == 1 ? std::vector<std::string>{"a", "a", "a", " ", "b"}
                         : std::vector<std::string>{"x", "yz", " x", "é", "\xFF", "."};
    const std::string text = test::random_text(random, alphabet, 400);
    const std::uint64_t min_frequency = 1 + random() % 4;
    const auto trained = train(text, {.vocab_size = 257 + 60, .min_frequency = min_frequency});
    ASSERT_EQ(merges_of(*trained), train_by_definition(text, 60, min_frequency)) << text;
  }
}

TEST(BpeTrainer, ChunksOfAnySizeGiveTheSame) {
  const std::string corpus = test::fixture("training_corpus.txt") + "\xF0\x9F and '";
  const BpeTrainerOptions options = {.vocab_size = 600};
  const auto expected = merges_of(*train(corpus, options));
  for (const std::size_t chunk : {1u, 2u, 3u, 7u, 64u, 1000u}) {
    BpeTrainer trainer(options);
    for (std::size_t at = 0; at < corpus.size(); at += chunk)
      trainer.add_text(std::string_view(corpus).substr(at, chunk));
    ASSERT_EQ(merges_of(*trainer.train()), expected) << chunk;
  }
}

// Documents for add_documents(), in order.
BpeTrainer::NextDocument one_after_the_other(const std::vector<std::string>& documents) {
  return [&documents, next = std::size_t{0}](std::string& text) mutable {
    if (next == documents.size()) return false;
    text = documents[next++];
    return true;
  };
}

// The corpus again and again, each time with other words.
std::vector<std::string> many_documents() {
  std::vector<std::string> documents;
  for (int i = 0; i < 200; ++i)
    documents.push_back(std::to_string(i * 977) + " Word" + std::to_string(i) +
                        test::fixture("training_corpus.txt").substr(static_cast<std::size_t>(i)));
  return documents;
}

TEST(BpeTrainer, AnyThreadsAndAnyMemoryForCountsGiveTheSame) {
  const std::vector<std::string> documents = many_documents();
  const BpeTrainerOptions options = {.vocab_size = 900};
  BpeTrainer alone(options);
  for (const std::string& document : documents) alone.add_document(document);
  const MergeList expected = merges_of(*alone.train());
  for (const int threads : {1, 2, 3, 7}) {
    BpeTrainer trainer(options);
    Workers workers(threads);
    trainer.add_documents(workers, one_after_the_other(documents));
    ASSERT_EQ(merges_of(*trainer.train()), expected) << threads;
    EXPECT_EQ(trainer.pieces(), alone.pieces());
    EXPECT_EQ(trainer.distinct_pieces(), alone.distinct_pieces());
    EXPECT_EQ(trainer.dropped().pieces, 0u);
  }
}

TEST(BpeTrainer, AFailingSourceStopsAllWorkers) {
  BpeTrainer trainer;
  Workers workers(3);
  int calls = 0;
  const auto fail = [&](std::string& text) -> bool {
    if (++calls == 50) throw Error(ErrorCode::corrupt, "[test] row 50 is damaged");
    text = std::string(100'000, 'a');
    return true;
  };
  EXPECT_ERROR(trainer.add_documents(workers, fail), ErrorCode::corrupt, "row 50");
  EXPECT_EQ(calls, 50);
}

// Counts are exact on disk; then the rarest pieces go, and what is learned is what the rest gives.
TEST(BpeTrainer, AboveTheMemoryTheRarestPiecesAreLeftOut) {
  const auto letters = [](int number) {
    std::string word;
    for (; number > 0; number /= 26) word.push_back(static_cast<char>('a' + number % 26));
    return word;
  };
  std::string often, rarely;
  for (int i = 0; i < 3000; ++i)
    for (int copy = 0; copy < 3; ++copy) often += " often" + letters(100'000 + 7 * i);
  for (int i = 0; i < 12'000; ++i) rarely += " rarely" + letters(100'000 + 7 * i);
  const BpeTrainerOptions roomy = {.vocab_size = 600, .min_frequency = 1};
  const MergeList of_often = merges_of(*train(often, roomy));
  ASSERT_NE(merges_of(*train(often + rarely, roomy)), of_often);

  TemporaryFolder folder;
  BpeTrainerOptions small = roomy;
  small.memory_bytes = 1'000'000;
  small.spill_folder = folder.path();
  BpeTrainer trainer(small);
  trainer.add_document(rarely + often);
  EXPECT_EQ(merges_of(*trainer.train()), of_often);
  EXPECT_EQ(trainer.dropped().min_count, 2u);
  EXPECT_EQ(trainer.dropped().distinct_pieces, 12'000u);
  EXPECT_EQ(trainer.dropped().pieces, 12'000u);
  EXPECT_EQ(trainer.distinct_pieces(), 15'000u);
}

// fixtures/make_trainer_fixtures.py made the expected merges and ids with Hugging Face tokenizers.
// Nothing is left out silently until nothing is left.
TEST(BpeTrainer, RefusesMemoryForNoPieceAtAll) {
  BpeTrainer trainer({.vocab_size = 300, .memory_bytes = 1 << 10});
  std::string text;
  for (char a = 'a'; a <= 'z'; ++a)
    for (char b = 'a'; b <= 'z'; ++b) text += {' ', a, b};  // each once
  trainer.add_document(text);
  EXPECT_ERROR(trainer.train(), ErrorCode::invalid_argument, "allow more");
}

TEST(BpeTrainer, EqualsHuggingFaceTokenizersUnderOtherRules) {
  const Json golden = Json::parse(test::fixture("trainer_options.json"), "trainer_options.json");
  const Json::Array& texts = golden.at("texts").as_array();
  std::string corpus = test::fixture("training_corpus.txt");
  for (std::size_t i = 0; i < texts.size(); ++i)
    corpus += (i > 0 ? "\n" : "") + texts[i].as_string();
  ASSERT_EQ(golden.at("cases").as_array().size(), 11u);
  for (const Json& expected : golden.at("cases").as_array()) {
    const std::string split = expected.get("split", ""), digits = expected.get("digits", "");
    SCOPED_TRACE(split + " " + digits);
    const split::NumberCut cut = digits == "single"   ? split::NumberCut::single
                                 : digits == "triple" ? split::NumberCut::triple
                                                      : split::NumberCut::published;
    const split::Splitter& splitter = split == "gpt2"     ? split::gpt2_splitter(cut)
                                      : split == "cl100k" ? split::cl100k_splitter(cut)
                                                          : split::o200k_splitter(cut);
    EXPECT_EQ(splitter.pattern(), expected.get("pattern", ""));
    const auto trained = train(
        corpus,
        {.vocab_size = 401, .splitter = &splitter, .lowercase = expected.get("lowercase", false)});
    std::string merges = "#version: 0.2\n";
    for (const Json& merge : expected.at("merges").as_array()) merges += merge.as_string() + "\n";
    EXPECT_EQ(merges_of(*trained), tokenizer_files::parse_merges(merges, "golden"));

    TemporaryFolder folder;
    trained->save(folder.path());
    const auto opened = open_tokenizer(folder.path().string());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      test::Ids ids;
      for (const Json& id : expected.at("ids").as_array()[i].as_array())
        ids.push_back(static_cast<std::int32_t>(id.as_int()));
      EXPECT_EQ(test::encode(*trained, texts[i].as_string()), ids);
      EXPECT_EQ(test::encode(*opened, texts[i].as_string()), ids);
    }
  }
}

TEST(BpeTrainer, ChunksInsideCharactersAreLowerCasedAlike) {
  const std::string text = "ÀÉÎ ÇA ΣΑΣ İstanbul ÀÉÎ ÇA ΣΑΣ \U00010400\U00010400 K\u212A";
  const BpeTrainerOptions options = {.vocab_size = 300, .lowercase = true};
  const MergeList expected = merges_of(*train(text, options));
  ASSERT_FALSE(expected.empty());
  for (const std::size_t chunk : {1u, 2u, 3u}) {
    BpeTrainer trainer(options);
    for (std::size_t at = 0; at < text.size(); at += chunk)
      trainer.add_text(std::string_view(text).substr(at, chunk));
    EXPECT_EQ(merges_of(*trainer.train()), expected);
  }
}

TEST(BpeTrainer, StopsWhereProgressSaysSo) {
  BpeTrainer trainer({.vocab_size = 400});
  trainer.add_document(test::fixture("training_corpus.txt"));
  EXPECT_EQ(trainer.train([](std::int64_t done, std::int64_t) { return done < 10; }), nullptr);
  EXPECT_ERROR(trainer.train(), ErrorCode::invalid_argument, "no text");
}

TEST(BpeTrainer, PiecesDoNotReachAcrossDocuments) {
  const BpeTrainerOptions options = {.vocab_size = 300, .min_frequency = 1};
  BpeTrainer apart(options), together(options);
  for (int i = 0; i < 3; ++i) {
    apart.add_text("ab");
    apart.end_document();
    together.add_text("ab");
  }
  EXPECT_EQ(merges_of(*apart.train()), (MergeList{{"a", "b"}}));
  EXPECT_EQ(apart.distinct_pieces(), 1u);
  EXPECT_EQ(apart.pieces(), 3u);
  EXPECT_EQ(merges_of(*together.train()).size(), 3u);
}

TEST(BpeTrainer, AHugePieceIsCountedInBoundedMemory) {
  BpeTrainer trainer({.vocab_size = 270, .min_frequency = 1});
  const std::string chunk(300000, 'a');
  for (int i = 0; i < 10; ++i) trainer.add_text(chunk);
  trainer.add_text(" end");
  const auto tokenizer = trainer.train();
  EXPECT_GE(trainer.pieces(), 3u);
  EXPECT_EQ(tokenizer->decode(test::encode(*tokenizer, chunk)), chunk);
}

TEST(BpeTrainer, TheVocabularyIsBytesMergesSpecialTokens) {
  const auto tokenizer =
      train("low lower lowest", {.vocab_size = 300, .special_tokens = {"<|endoftext|>", "<pad>"}});
  const std::int32_t merges = static_cast<std::int32_t>(tokenizer->vocabulary().merges.size());
  EXPECT_EQ(tokenizer->vocab_size(), 256 + merges + 2);
  EXPECT_LT(tokenizer->vocab_size(), 300);
  EXPECT_EQ(tokenizer->end_of_text(), 256 + merges);
  EXPECT_EQ(tokenizer->bytes_of(257 + merges), "<pad>");
  EXPECT_EQ(tokenizer->bytes_of(0), "!");
  const std::string text = "any\xFF bytes <|endoftext|> é";
  const test::Ids ids = test::encode(*tokenizer, text);
  EXPECT_EQ(tokenizer->decode(ids), text);
  for (const std::int32_t id : ids) EXPECT_LT(id, 256 + merges);
}

TEST(BpeTrainer, NoMergeMakesASpecialToken) {
  const auto tokenizer =
      train("hello hello hello", {.vocab_size = 300, .special_tokens = {"hello", " hello"}});
  for (const bpe::BpeMerge& merge : tokenizer->vocabulary().merges) {
    EXPECT_NE(tokenizer->bytes_of(merge.result), "hello");
    EXPECT_NE(tokenizer->bytes_of(merge.result), " hello");
  }
  EXPECT_EQ(tokenizer->decode(test::encode(*tokenizer, "hello hello")), "hello hello");
}

TEST(BpeTrainer, ProgressEndsAtAllMerges) {
  BpeTrainer trainer({.vocab_size = 400});
  trainer.add_document(test::fixture("training_corpus.txt"));
  std::vector<std::int64_t> done;
  trainer.train([&](std::int64_t now, std::int64_t wanted) {
    done.push_back(now);
    EXPECT_EQ(wanted, 143);
    return true;
  });
  ASSERT_FALSE(done.empty());
  EXPECT_TRUE(std::ranges::is_sorted(done));
  EXPECT_EQ(done.back(), 143);
  EXPECT_LE(done.size(), 101u);
}

TEST(BpeTrainer, RefusesImpossibleOptions) {
  const auto code = ErrorCode::invalid_argument;
  EXPECT_ERROR(BpeTrainer({.vocab_size = 256}), code, "vocab_size must be in [257,");
  EXPECT_ERROR(BpeTrainer({.vocab_size = 1 << 25}), code, "got 33554432");
  EXPECT_ERROR(BpeTrainer({.special_tokens = {"a"}}), code, "two bytes");
  EXPECT_ERROR(BpeTrainer({.special_tokens = {"<s>", "<s>"}}), code, "twice");
  EXPECT_ERROR(BpeTrainer({.special_tokens = {"<\xFF>"}}), code, "UTF-8");
  EXPECT_ERROR(BpeTrainer().train(), code, "no text");
}

TEST(BpeTrainer, WhatIsTrainedCanBeSavedAndOpened) {
  TemporaryFolder folder;
  const auto tokenizer = train(test::fixture("training_corpus.txt"), {.vocab_size = 500});
  tokenizer->save(folder.path());
  const auto opened = open_tokenizer(folder.path().string());
  const std::string text = test::fixture("training_merges_700_2.txt");
  EXPECT_EQ(test::encode(*opened, text), test::encode(*tokenizer, text));
  EXPECT_EQ(opened->end_of_text(), tokenizer->end_of_text());
}

}  // namespace
}  // namespace stemma

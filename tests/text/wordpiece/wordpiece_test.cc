#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"
#include "tests/text/support.h"
#include "text/special_encoder.h"
#include "text/wordpiece/files.h"
#include "text/wordpiece/tokenizer.h"

namespace stemma::wordpiece {
namespace {

using test::encode;
using test::Ids;
using TokenizerPointer = std::shared_ptr<const WordPieceTokenizer>;

const Json& fixture_json() {
  static const Json root = Json::parse(test::fixture("wordpiece/tokenizer.json"), "tokenizer.json");
  return root;
}

// The fixture with other values in one of its parts.
Json with_values(const char* part, const Json& values) {
  Json root = fixture_json();
  Json changed = root.at(part);
  for (const auto& [key, value] : values.as_object()) changed.set(key, value);
  root.set(part, changed);
  return root;
}

Json with_part(const char* part, const Json& value) {
  Json root = fixture_json();
  root.set(part, value);
  return root;
}

TokenizerPointer variant(const std::string& name) {
  static const std::map<std::string, Json> changes = {
      {"uncased", Json::object()},
      {"cased", Json::object({{"lowercase", false}})},
      {"cased_stripped", Json::object({{"lowercase", false}, {"strip_accents", true}})},
      {"uncased_accents", Json::object({{"strip_accents", false}})},
      {"not_cleaned", Json::object({{"clean_text", false}})},
      {"not_cleaned_cased", Json::object({{"clean_text", false}, {"lowercase", false}})},
      {"chinese_in_words", Json::object({{"handle_chinese_chars", false}})}};
  return read_wordpiece_json(with_values("normalizer", changes.at(name)), "t.json");
}

const std::vector<std::string> kVariants = {"uncased",         "cased",       "cased_stripped",
                                            "uncased_accents", "not_cleaned", "not_cleaned_cased",
                                            "chinese_in_words"};

Ids ids_of(const Json& list) {
  Ids ids;
  for (const Json& id : list.as_array()) ids.push_back(static_cast<std::int32_t>(id.as_int()));
  return ids;
}

const Json::Array& cases() {
  static const Json list = Json::parse(test::fixture("wordpiece/ids.json"), "ids.json");
  return list.as_array();
}

TokenizerPointer small(const std::string& more, const TextOptions& text = {}) {
  Settings settings;
  settings.text = text;
  return parse_wordpiece_txt("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n" + more, "v.txt", settings);
}

std::vector<std::string> words(std::string_view text, const TextOptions& options = {}) {
  std::vector<std::string> found;
  WordCutter(options, 100, [&](std::string_view word, std::size_t) {
    found.emplace_back(word);
  }).cut(text);
  return found;
}

// Made by Hugging Face tokenizers (fixtures/make_wordpiece_fixtures.py).
TEST(WordPiece, EqualsTokenizers) {
  ASSERT_GE(cases().size(), 150u);
  for (const std::string& name : kVariants) {
    const TokenizerPointer tokenizer = variant(name);
    for (const Json& item : cases()) {
      const Ids ids = ids_of(item.at(name));
      EXPECT_EQ(encode(*tokenizer, item.at("text").as_string()), ids)
          << name << ": " << item.at("text").as_string();
      if (name == "cased") {
        EXPECT_EQ(tokenizer->decode(ids), item.at("decoded").as_string());
      }
    }
  }
}

TEST(WordPiece, FramesAsThePostProcessorSays) {
  const TokenizerPointer tokenizer = variant("uncased");
  const Json& pair = cases()[3].at("pair");
  const Ids first = encode(*tokenizer, cases()[3].at("text").as_string());
  const Ids second = encode(*tokenizer, cases()[4].at("text").as_string());
  EXPECT_EQ(tokenizer->frame(first, second),
            (Framed{ids_of(pair.at("ids")), ids_of(pair.at("segments"))}));
  EXPECT_EQ(tokenizer->frame(Ids{9, 8}), (Framed{{2, 9, 8, 3}, {0, 0, 0, 0}}));
  EXPECT_EQ(tokenizer->frame(Ids{}), (Framed{{2, 3}, {0, 0}}));
  EXPECT_EQ(tokenizer->frame(Ids{9}, Ids{}), (Framed{{2, 9, 3, 3}, {0, 0, 0, 1}}));

  const Json bert = Json::object({{"type", "BertProcessing"},
                                  {"sep", Json::array({"[SEP]", 3})},
                                  {"cls", Json::array({"[CLS]", 2})}});
  EXPECT_EQ(read_wordpiece_json(with_part("post_processor", bert), "t")->vocabulary().frame,
            tokenizer->vocabulary().frame);
  const auto bare = read_wordpiece_json(with_part("post_processor", Json()), "t");
  EXPECT_EQ(bare->frame(Ids{9}, Ids{8}), (Framed{{9, 8}, {0, 1}}));
  // Other tokenizers add nothing.
  const auto bytes = open_tokenizer("bytes");
  EXPECT_EQ(bytes->frame(Ids{9}), (Framed{{9}, {0}}));
  EXPECT_EQ(bytes->frame(Ids{9}, Ids{8, 7}), (Framed{{9, 8, 7}, {0, 1, 1}}));
}

TEST(WordPiece, CutsWords) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(words("Élan vital!"), (Words{"elan", "vital", "!"}));
  EXPECT_EQ(words("a中b"), (Words{"a", "中", "b"}));
  EXPECT_EQ(words("a\xFF\xE4\xB8 b"), (Words{"a", "b"}));
  TextOptions kept;
  kept.clean_text = false;
  EXPECT_EQ(words("a\xFF\xE4\xB8 b", kept), (Words{"a\uFFFD\uFFFD", "b"}));
  EXPECT_EQ(words("각"), (Words{"\u1100\u1161\u11A8"}));
  EXPECT_EQ(words(" \t\n"), Words{});
}

// The longest match by trying every length, against the trie.
TEST(WordPiece, MatchesTheLongestPieces) {
  std::mt19937 random(3);
  for (int round = 0; round < 50; ++round) {
    std::map<std::string, std::int32_t> ids;
    std::string lines;
    for (int i = 0; i < 40; ++i) {
      std::string token = random() % 2 == 0 ? "##" : "";
      token += test::random_text(random, {"a", "b", "é", "中"}, 1 + static_cast<int>(random() % 4));
      if (!ids.emplace(token, 5 + static_cast<int>(ids.size())).second) continue;
      lines += token + "\n";
    }
    TextOptions plain{false, false, false, false};
    const TokenizerPointer tokenizer = small(lines, plain);
    for (int i = 0; i < 40; ++i) {
      const std::string word =
          test::random_text(random, {"a", "b", "é", "中"}, 1 + static_cast<int>(random() % 12));
      Ids expected;
      for (std::size_t begin = 0; begin < word.size();) {
        std::size_t end = word.size();
        const auto token = [&] {
          return (begin > 0 ? "##" : "") + word.substr(begin, end - begin);
        };
        while (end > begin && !ids.contains(token())) --end;
        if (end == begin) {
          expected = {1};
          break;
        }
        expected.push_back(ids.at(token()));
        begin = end;
      }
      EXPECT_EQ(encode(*tokenizer, word), expected) << word;
    }
  }
}

TEST(WordPiece, SpecialTokensNeedAllowance) {
  const TokenizerPointer tokenizer = variant("uncased");
  const Ids plain = encode(*tokenizer, "a [MASK] b [SEP]");
  for (const std::int32_t id : plain) EXPECT_GE(id, 5);
  const std::vector<std::string> allowed = {"[MASK]"};
  Ids ids;
  SpecialEncoder(*tokenizer, allowed).encode("a [MASK] b [SEP]", ids);
  EXPECT_EQ(std::ranges::count(ids, 4), 1);
  EXPECT_EQ(std::ranges::count(ids, 3), 0);
  EXPECT_EQ(tokenizer->special_tokens().size(), 5u);
  EXPECT_EQ(tokenizer->end_of_text(), std::nullopt);
  EXPECT_FALSE(tokenizer->keeps_bytes());
}

TEST(WordPiece, DecodesAsTheDecoderDoes) {
  const TokenizerPointer tokenizer = small("a\n##b\n.\n'\nn't\n##\n");
  EXPECT_EQ(tokenizer->decode(Ids{5, 6, 7}), "ab.");
  EXPECT_EQ(tokenizer->decode(Ids{6, 5, 9, 2}), "##b an't [CLS]");
  EXPECT_EQ(tokenizer->decode(Ids{5, 8, 10, 5}), "a ' a");
  EXPECT_EQ(tokenizer->bytes_of(5), " a");
  EXPECT_EQ(tokenizer->bytes_of(6), "b");
  EXPECT_EQ(tokenizer->bytes_of(2), "[CLS]");
  EXPECT_ERROR(tokenizer->bytes_of(11), ErrorCode::invalid_argument, "out of range");
  EXPECT_ERROR(tokenizer->decode(Ids{-1}), ErrorCode::invalid_argument, "out of range");
  const auto raw =
      read_wordpiece_json(with_values("decoder", Json::object({{"cleanup", false}})), "t");
  EXPECT_EQ(raw->decode(encode(*raw, "the.")), "the .");
}

// A text may be cut where last_boundary() says.
TEST(WordPiece, BoundariesKeepIds) {
  std::mt19937 random(5);
  const std::vector<std::string> parts = {"a",      "the",    " ",      "中",       "é",
                                          "\u0301", "\u0327", ".",      "。",       "\u00a0",
                                          "\u200b", "\u0085", "\xFF",   "\xE4\xB8", "\n",
                                          "각",     "İ",      "\u1fef", "\u166d",   "\u2001"};
  for (const std::string& name : kVariants) {
    const TokenizerPointer tokenizer = variant(name);
    for (int round = 0; round < 200; ++round) {
      const std::string text = test::random_text(random, parts, 30);
      const std::size_t boundary = tokenizer->last_boundary(text.substr(0, random() % text.size()));
      Ids ids = encode(*tokenizer, text.substr(0, boundary));
      tokenizer->encode(text.substr(boundary), ids);
      EXPECT_EQ(ids, encode(*tokenizer, text)) << name << ": " << text;
    }
  }
  EXPECT_EQ(variant("uncased")->last_boundary("ab"), 0u);
  EXPECT_EQ(variant("uncased")->last_boundary("ab cd"), 3u);
  EXPECT_EQ(variant("uncased")->last_boundary("中文"), 6u);
  EXPECT_EQ(variant("chinese_in_words")->last_boundary("中文"), 0u);
}

TEST(WordPiece, AnyBytesAndLongRunsTakeNoTime) {
  std::mt19937 random(8);
  for (const std::string& name : kVariants) {
    const TokenizerPointer tokenizer = variant(name);
    for (int round = 0; round < 100; ++round)
      for (const std::int32_t id : encode(*tokenizer, test::random_bytes(random, random() % 300)))
        ASSERT_LT(id, tokenizer->vocab_size());
    EXPECT_EQ(encode(*tokenizer, ""), Ids{});
    EXPECT_EQ(encode(*tokenizer, std::string(1 << 20, 'a')), Ids{1});
  }
  for (const char* part :
       {"\u1d165", "\U0001d165\U0001d16d", "\xFF", "中", "!", "\u0301", "x\u200b"}) {
    std::string text;
    while (text.size() < 200'000) text += part;
    encode(*variant("uncased"), text);
  }
}

// Of a tokenizer_config.json.
Settings settings_in(std::string_view config) {
  tokenizer_files::FolderSettings folder;
  tokenizer_files::add_settings(config, "c.json", tokenizer_files::SettingsFile::tokenizer_config,
                                folder);
  return settings_of(std::move(folder), "c.json");
}

TEST(WordPieceFiles, NameMissingSpecialTokens) {
  const auto code = ErrorCode::corrupt;
  EXPECT_ERROR(parse_wordpiece_txt("[UNK]\n[CLS]\na\n", "v.txt"), code,
               "[v.txt] this WordPiece vocabulary of 3 tokens lacks the special tokens [PAD], "
               "[SEP], [MASK]");
  Json model = fixture_json().at("model");
  Json::Object vocab = model.at("vocab").as_object();
  std::erase_if(vocab, [](const Json::Member& member) { return member.first == "[MASK]"; });
  model.set("vocab", Json::from_members(vocab));
  Json root = fixture_json();
  root.set("model", model);
  root.set("added_tokens", Json::array());
  EXPECT_ERROR(read_wordpiece_json(root, "t.json"), code, "special tokens [MASK];");
  // Other names, which the settings tell.
  const Settings settings = settings_in(
      R"({"mask_token": {"content": "[M]"}, "pad_token": null, "eos_token": "[SEP]",
          "additional_special_tokens": ["[X]"], "do_lower_case": false})");
  const auto tokenizer =
      parse_wordpiece_txt("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[M]\n[X]\nA\n", "v", settings);
  EXPECT_EQ(tokenizer->vocabulary().mask, 4);
  EXPECT_EQ(tokenizer->end_of_text(), 3);
  EXPECT_EQ(tokenizer->special_tokens().size(), 6u);
  EXPECT_EQ(encode(*tokenizer, "A a"), (Ids{6, 1}));
}

TEST(WordPieceFiles, RefuseByNameWhatWouldGiveOtherIds) {
  const auto code = ErrorCode::unsupported;
  const auto read = [](const Json& root) { return read_wordpiece_json(root, "t.json"); };
  const auto type = [](const char* name) { return Json::object({{"type", name}}); };
  EXPECT_ERROR(read(with_part("normalizer", type("NFC"))), code, "[t.json] its normalizer is NFC");
  EXPECT_ERROR(read(with_part("pre_tokenizer", type("Whitespace"))), code, "Whitespace");
  EXPECT_ERROR(read(with_part("pre_tokenizer", Json())), code, "no pre_tokenizer");
  EXPECT_ERROR(read(with_part("post_processor", type("RobertaProcessing"))), code, "Roberta");
  EXPECT_ERROR(read(with_part("decoder", type("ByteLevel"))), code, "decoder is ByteLevel");
  EXPECT_ERROR(read(with_values("decoder", Json::object({{"prefix", "@@"}}))), code, "'@@'");
  EXPECT_ERROR(read(with_values("model", Json::object({{"continuing_subword_prefix", ""}}))), code,
               "continuing_subword_prefix");
  EXPECT_ERROR(read(with_values("model", Json::object({{"max_input_chars_per_word", 1 << 20}}))),
               code, "max_input_chars_per_word is 1048576");
  const Json plain = Json::object({{"id", 7}, {"content", "x"}, {"special", false}});
  EXPECT_ERROR(read(with_part("added_tokens", Json::array({plain}))), code, "'x' is not special");
  const Json word = Json::object({{"id", 3000}, {"content", "qqq"}, {"special", true}});
  EXPECT_ERROR(read(with_part("added_tokens", Json::array({word}))), code, "the text 'qqq' would");
  EXPECT_ERROR(parse_wordpiece_txt("[UNK]\n", "v", settings_in(R"({"do_basic_tokenize": false})")),
               code, "[c.json] do_basic_tokenize");
}

TEST(WordPieceFiles, RefuseDamage) {
  const auto code = ErrorCode::corrupt;
  EXPECT_ERROR(small("a\na\n"), code, "token 'a' has two ids, 5 and 6");
  EXPECT_ERROR(small("a\n\nb\n"), code, "[v.txt] line 7 is empty");
  EXPECT_ERROR(small("\xE9\n"), code, "id 5 is not UTF-8");
  EXPECT_ERROR(parse_wordpiece_txt("\xEF\xBB\xBF[UNK]\n", "v"), code, "byte order mark");
  const auto read = [](const Json& root) { return read_wordpiece_json(root, "t.json"); };
  EXPECT_ERROR(read(with_values("model", Json::object({{"vocab", Json::object({{"[UNK]", -1}})}}))),
               code, "has id -1");
  EXPECT_ERROR(
      read(with_values("model", Json::object({{"vocab", Json::object({{"x", 1 << 30}})}}))), code,
      "has id 1073741824");
  EXPECT_ERROR(read(with_values("model", Json::object({{"vocab", Json::array()}}))), code,
               "t.json");
  const Json cls = Json::object({{"type", "BertProcessing"},
                                 {"sep", Json::array({"[SEP]", 3})},
                                 {"cls", Json::array({"x", 99999})}});
  EXPECT_ERROR(read(with_part("post_processor", cls)), code, "adds the id 99999");
  const Json twice = Json::array({Json::object({{"Sequence", Json::object({{"id", "C"}})}})});
  EXPECT_ERROR(read(with_values("post_processor", Json::object({{"pair", twice}}))), code,
               "a sequence 'C'");
  Json::Array many(500, Json::object({{"SpecialToken", Json::object({{"id", "x"}})}}));
  const Json named = Json::object({{"x", Json::object({{"ids", Json::array({2, 2, 2})}})}});
  EXPECT_ERROR(read(with_values("post_processor",
                                Json::object({{"single", many}, {"special_tokens", named}}))),
               code, "more than 1000 tokens");
}

TEST(WordPieceFiles, WriteWhatTheyRead) {
  for (const std::string& name : kVariants) {
    const TemporaryFolder folder;
    const TokenizerPointer tokenizer = variant(name);
    save_tokenizer(*tokenizer, folder.path());
    const bool has_lines = name.find("not_cleaned") == std::string::npos;
    EXPECT_EQ(std::filesystem::exists(folder / "vocab.txt"), has_lines) << name;
    const auto check = [&](const std::shared_ptr<const Tokenizer>& again) {
      EXPECT_EQ(again->vocab_size(), tokenizer->vocab_size());
      EXPECT_EQ(again->special_tokens(), tokenizer->special_tokens());
      EXPECT_EQ(again->frame(Ids{7}, Ids{8}), tokenizer->frame(Ids{7}, Ids{8}));
      for (const Json& item : cases())
        EXPECT_EQ(encode(*again, item.at("text").as_string()), ids_of(item.at(name))) << name;
    };
    check(open_tokenizer(folder.path().string()));
    check(open_tokenizer((folder / "tokenizer.json").string()));
    if (!has_lines) continue;
    std::filesystem::remove(folder / "tokenizer.json");
    check(open_tokenizer(folder.path().string()));
    check(open_tokenizer((folder / "vocab.txt").string()));
  }
  const TemporaryFolder folder;
  save_tokenizer(*variant("uncased"), folder / "x.txt");
  EXPECT_EQ(encode(*open_tokenizer((folder / "x.txt").string()), "the"),
            encode(*variant("uncased"), "the"));
  EXPECT_ERROR(save_tokenizer(*variant("cased"), folder / "y.txt"), ErrorCode::unsupported,
               "it is cased");
  EXPECT_ERROR(save_tokenizer(*variant("cased"), folder / "y.tiktoken"), ErrorCode::unsupported,
               "byte-level");
}

TEST(WordPieceFiles, KeepFlagsAndFrames) {
  const Json mask =
      Json::object({{"id", 4}, {"content", "[MASK]"}, {"lstrip", true}, {"special", true}});
  const auto tokenizer = read_wordpiece_json(with_part("added_tokens", Json::array({mask})), "t");
  EXPECT_EQ(tokenizer->flag_of_special(4), "lstrip");
  EXPECT_EQ(tokenizer->flag_of_special(3), "");
  const TemporaryFolder folder;
  save_tokenizer(*tokenizer, folder.path());
  EXPECT_EQ(open_tokenizer(folder.path().string())->flag_of_special(4), "lstrip");
  save_tokenizer(*read_wordpiece_json(with_part("post_processor", Json()), "t"), folder.path());
  EXPECT_EQ(open_tokenizer(folder.path().string())->frame(Ids{9}), (Framed{{9}, {0}}));
  EXPECT_FALSE(std::filesystem::exists(folder / "vocab.txt"));
}

}  // namespace
}  // namespace stemma::wordpiece

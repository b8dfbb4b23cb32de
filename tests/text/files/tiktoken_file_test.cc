#include "text/files/tiktoken_file.h"

#include <algorithm>
#include <fstream>
#include <functional>

#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"
#include "tests/text/support.h"
#include "text/files/base64.h"
#include "text/files/published.h"

namespace stemma::tokenizer_files {
namespace {

namespace fs = std::filesystem;

fs::path tiktoken_fixture(const std::string& name) {
  return fs::path(STEMMA_SOURCE_DIR) / "tests/text/fixtures/files" / name;
}

// Writes T.tiktoken, with T.json beside it unless it is empty.
class TiktokenFile : public testing::Test {
 protected:
  std::shared_ptr<const Tokenizer> open(const std::string& ranks, const std::string& rules) {
    fs::remove(folder_ / "t.json");
    std::ofstream(folder_ / "t.tiktoken", std::ios::binary) << ranks;
    if (!rules.empty()) std::ofstream(folder_ / "t.json", std::ios::binary) << rules;
    return open_tokenizer(folder_ / "t.tiktoken");
  }
  std::shared_ptr<const Tokenizer> open(const std::string& ranks) { return open(ranks, rules_); }

  TemporaryFolder folder_;
  const std::string small_ = test::fixture("files/small.tiktoken");
  const std::string rules_ = test::fixture("files/small.json");
};

TEST(Base64, TheVectorsOfTheRfc) {
  std::string bytes, text;
  for (const auto& [plain, coded] :
       std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                        {"f", "Zg=="},
                                                        {"fo", "Zm8="},
                                                        {"foo", "Zm9v"},
                                                        {"foob", "Zm9vYg=="},
                                                        {"fooba", "Zm9vYmE="},
                                                        {"foobar", "Zm9vYmFy"},
                                                        {"\xFB\xEF\xFF", "++//"}}) {
    EXPECT_TRUE(decode_base64(coded, bytes)) << coded;
    EXPECT_EQ(bytes, plain);
    text.clear();
    append_base64(plain, text);
    EXPECT_EQ(text, coded);
  }
  for (const char* wrong :
       {"Z", "Zg", "Zg=", "Zg===", "=", "====", "Z===", "Zg==Zg==", "Zm9\n", "Zm-_", "Z g="})
    EXPECT_FALSE(decode_base64(wrong, bytes)) << wrong;
}

// tiktoken's ids of the same file.
TEST_F(TiktokenFile, GivesTiktokensIds) {
  const auto tokenizer = open_tokenizer(tiktoken_fixture("small.tiktoken"));
  const Json golden = Json::parse(test::fixture("files/ids.json"), "ids").at("small.tiktoken");
  const Json::Array& texts = golden.at("texts").as_array();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    test::Ids ids;
    for (const Json& id : golden.at("ids").as_array()[i].as_array())
      ids.push_back(static_cast<std::int32_t>(id.as_int()));
    EXPECT_EQ(test::encode(*tokenizer, texts[i].as_string()), ids) << texts[i].as_string();
    EXPECT_EQ(tokenizer->decode(ids), texts[i].as_string());
  }
  EXPECT_EQ(tokenizer->bytes_of(*tokenizer->end_of_text()), "<|endoftext|>");
  EXPECT_EQ(tokenizer->special_tokens().back().first, "<|fim|>");
}

TEST_F(TiktokenFile, ComesBackByteForByte) {
  const auto tokenizer = read_tiktoken(tiktoken_fixture("small.tiktoken"));
  save_tiktoken(*tokenizer, folder_ / "copy.tiktoken");
  EXPECT_EQ(read_file(folder_ / "copy.tiktoken"), small_);
  const auto again = open_tokenizer(folder_ / "copy.tiktoken");
  EXPECT_EQ(again->special_tokens(), tokenizer->special_tokens());
  EXPECT_EQ(again->end_of_text(), tokenizer->end_of_text());
}

TEST_F(TiktokenFile, PublishedNamesNeedNoRules) {
  for (const char* name : {"r50k_base", "p50k_base", "cl100k_base"}) {
    const auto built_in = published_tokenizer(name);
    save_tiktoken(*built_in, folder_ / (std::string(name) + ".tiktoken"));
    for (const bool with_rules : {true, false}) {
      if (!with_rules) fs::remove(folder_ / (std::string(name) + ".json"));
      const auto opened = open_tokenizer(folder_ / (std::string(name) + ".tiktoken"));
      EXPECT_EQ(opened->special_tokens(), built_in->special_tokens());
      EXPECT_EQ(opened->end_of_text(), built_in->end_of_text());
      const std::string text = test::fixture("training_corpus.txt");
      EXPECT_EQ(test::encode(*opened, text), test::encode(*built_in, text)) << name;
    }
  }
}

// A list of merges, written by ranks: the file that OpenAI published.
TEST_F(TiktokenFile, Gpt2sMergesAreR50ksFile) {
  const auto published = test::shared("tokenizers/r50k/r50k_base.tiktoken");
  if (published.empty()) GTEST_SKIP() << "SKIPPED: needs ../shared/tokenizers/r50k";
  save_tiktoken(*published_tokenizer("gpt2"), folder_ / "gpt2.tiktoken");
  EXPECT_EQ(read_file(folder_ / "gpt2.tiktoken"), read_file(published));
  EXPECT_EQ(open_tokenizer(published)->vocab_size(), 50257);
}

TEST_F(TiktokenFile, RefusesListsOfMergesThatRanksCannotSay) {
  const auto code = ErrorCode::unsupported;
  const auto save = [&](const std::vector<std::pair<std::string, std::string>>& merges) {
    save_tiktoken(*bpe::make_bpe_tokenizer(test::small_vocabulary(merges), split::gpt2_splitter()),
                  folder_ / "x.tiktoken");
  };
  save({{"a", "b"}, {"ab", "c"}});
  // "abc" merges as a + bc: [ab] [c] remain.
  EXPECT_ERROR(save({{"a", "b"}, {"b", "c"}, {"a", "bc"}}), code, "token 'abc' (id 258)");
  bpe::VocabularyBuilder builder("test", {258, 2});
  const bpe::BpeVocabulary small = test::small_vocabulary({{"a", "b"}, {"c", "d"}});
  for (std::size_t id = 0; id < 258; ++id)
    builder.add_token(small.tokens[id], static_cast<std::int64_t>(id));
  builder.add_merge("c", "d");
  builder.add_merge("a", "b");
  EXPECT_ERROR(save_tiktoken(*bpe::make_bpe_tokenizer(builder.finish(), split::gpt2_splitter()),
                             folder_ / "y.tiktoken"),
               code, "merge 1 makes id 256");
  EXPECT_FALSE(fs::exists(folder_ / "y.tiktoken"));
  EXPECT_FALSE(fs::exists(folder_ / "y.json"));
}

TEST_F(TiktokenFile, ReadsOtherLineEnds) {
  std::string crlf;
  for (const char c : small_) crlf += c == '\n' ? "\r\n" : std::string(1, c);
  EXPECT_EQ(open(crlf)->vocab_size(), open(small_)->vocab_size());
  EXPECT_EQ(open(small_.substr(0, small_.size() - 1))->vocab_size(), open(small_)->vocab_size());
}

TEST_F(TiktokenFile, RefusesDamageWithItsLine) {
  const auto code = ErrorCode::corrupt;
  const auto last_line = small_.rfind('\n', small_.size() - 2) + 1;
  EXPECT_ERROR(open(""), code, "t.tiktoken");
  // Cut anywhere but behind a line.
  for (std::size_t size = 1; size < small_.size() - 1; size += 211)
    if (small_[size - 1] != '\n' && small_[size] != '\n')
      EXPECT_ERROR(open(small_.substr(0, size)), code, "t.tiktoken");
  EXPECT_ERROR(open("IQ== 0\nIg==\n"), code, "t.tiktoken] line 2 must be a token in base64");
  EXPECT_ERROR(open("IQ== 0\n\nIg== 1\n"), code, "line 2");
  EXPECT_ERROR(open("IQ== 0\n 1\n"), code, "line 2");
  EXPECT_ERROR(open("IQ== 0\nI!== 1\n"), code, "line 2 has a token that is not base64");
  for (const char* rank : {"", "x", "1x", "-1", "1.5", " 1", "99999999999999999999"})
    EXPECT_ERROR(open(std::string("IQ== ") + rank), code, "line 1 must end with a rank");
  EXPECT_ERROR(open(small_ + "AAAA 2000000\n"), code, "got 2000000");
  EXPECT_ERROR(open(small_ + "AAAA 7\n"), code, "id 7 is given to two tokens");
  EXPECT_ERROR(open(small_ + "IQ== 500\n"), code, "has two ids, 0 and 500");
  EXPECT_ERROR(open(small_ + "= 500\n"), code, "not base64");
  EXPECT_ERROR(open(small_.substr(7)), code, "byte 0x21, '!', is missing");
  const auto middle = small_.find('\n', last_line / 2 + 1000) + 1;
  const auto next = small_.find('\n', middle) + 1;
  EXPECT_ERROR(open(small_.substr(0, middle) + small_.substr(next)), code, "is missing");
}

TEST_F(TiktokenFile, RefusesOtherEncodingsOfText) {
  const auto code = ErrorCode::corrupt;
  std::string wide;
  for (const char c : small_) wide += {c, '\0'};
  EXPECT_ERROR(open("\xFF\xFE" + wide), code, "t.tiktoken] the file is UTF-16");
  EXPECT_ERROR(open(wide), code, "line 1 holds a NUL byte");
  EXPECT_ERROR(open("\xEF\xBB\xBF" + small_), code, "byte order mark");
  EXPECT_ERROR(open(small_, "\xFF\xFE" + rules_), code, "t.json");
}

TEST_F(TiktokenFile, RulesMustFit) {
  const auto corrupt = ErrorCode::corrupt;
  const auto with = [&](const std::function<void(Json&)>& change) {
    Json root = Json::parse(rules_, "rules");
    change(root);
    return open(small_, root.dump());
  };
  const auto set = [&](const char* key, const Json& value) {
    return with([&](Json& root) { root.set(key, value); });
  };
  EXPECT_ERROR(open(small_, ""), ErrorCode::not_found, "t.json with \"pat_str\"");
  EXPECT_ERROR(open(small_, "{"), corrupt, "t.json");
  EXPECT_ERROR(open(small_, "[]"), corrupt, "t.json");
  EXPECT_ERROR(open(small_, "{}"), corrupt, "pat_str");
  EXPECT_ERROR(set("pat_str", R"(\w+)"), ErrorCode::unsupported, R"(the pattern \w+)");
  EXPECT_ERROR(set("special_tokens", 3), corrupt, "t.json");
  const auto special = [&](const Json& id) {
    return set("special_tokens", Json::object({{"<|x|>", id}}));
  };
  EXPECT_ERROR(special(-1), corrupt, "'<|x|>' must be at least 0");
  EXPECT_ERROR(special(1 << 29), corrupt, "got 536870912");
  EXPECT_ERROR(special(5), corrupt, "id 5 is given to two tokens");
  EXPECT_EQ(set("special_tokens", Json::object())->end_of_text(), std::nullopt);
  EXPECT_ERROR(set("explicit_n_vocab", 3), corrupt, "must have 1 lines");
  // Lines that are cut off cleanly: nothing but their number shows it.
  save_tiktoken(*published_tokenizer("r50k_base"), folder_ / "r50k_base.tiktoken");
  const std::string ranks = read_file(folder_ / "r50k_base.tiktoken");
  std::ofstream(folder_ / "r50k_base.tiktoken")
      << ranks.substr(0, ranks.find('\n', ranks.size() / 2) + 1);
  EXPECT_ERROR(open_tokenizer(folder_ / "r50k_base.tiktoken"), corrupt, "must have 50256 lines");
  fs::remove(folder_ / "r50k_base.json");
  EXPECT_ERROR(open_tokenizer(folder_ / "r50k_base.tiktoken"), corrupt, "must have 50256 lines");
}

// cl100k's pattern of tiktoken keeps "\n  " at the end of a text whole.
TEST_F(TiktokenFile, WhiteSpaceBehindLineEndsMustNotMatter) {
  const auto count = std::ranges::count(small_, '\n');
  const std::string more = small_ + "Cg0= " + std::to_string(count + 5) + "\n";
  EXPECT_ERROR(open(more), ErrorCode::corrupt, "rank");
  Json rules = Json::parse(rules_, "rules");
  rules.set("special_tokens", Json::object());
  const std::string reaching = small_ + "CiA= " + std::to_string(count) + "\n";
  EXPECT_ERROR(open(reaching, rules.dump()), ErrorCode::unsupported,
               "white space behind a line end");
  rules.set("pat_str", std::string(split::cl100k_splitter().pattern()));
  EXPECT_EQ(test::encode(*open(reaching, rules.dump()), "\n ").size(), 2u);
  const std::string not_reaching = small_ + "CiAK " + std::to_string(count) + "\n";
  rules.set("pat_str", Json::parse(rules_, "rules").at("pat_str"));
  EXPECT_EQ(open(not_reaching, rules.dump())->vocab_size(), count + 1);
}

// Refused by its size, before it is read: the file has no blocks.
TEST_F(TiktokenFile, RefusesTwoGigabytes) {
  std::ofstream(folder_ / "t.tiktoken") << "";
  fs::resize_file(folder_ / "t.tiktoken", std::uintmax_t{2} << 30);
  EXPECT_ERROR(open_tokenizer(folder_ / "t.tiktoken"), ErrorCode::corrupt, "must be at most");
  EXPECT_ERROR(open_tokenizer(folder_ / "missing.tiktoken"), ErrorCode::not_found, "missing");
}

}  // namespace
}  // namespace stemma::tokenizer_files

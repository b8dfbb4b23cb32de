#include "text/files/hugging_face.h"

#include <fstream>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"
#include "tests/text/support.h"
#include "text/files/published.h"

namespace stemma::tokenizer_files {
namespace {

using test::encode;
using test::Ids;
using test::write_file;

std::shared_ptr<const bpe::BpeTokenizer> small_tokenizer() {
  return bpe::make_bpe_tokenizer(test::small_vocabulary({{"t", "h"}, {"th", "e"}, {" ", "the"}}),
                                 split::gpt2_splitter(), "<|end|>");
}

// A small tokenizer.json as we write it, for tests that break it.
Json small_json() {
  TemporaryFolder folder;
  small_tokenizer()->save(folder.path());
  return Json::parse(read_file(folder / "tokenizer.json"), "small");
}

std::string with(const std::function<void(Json&)>& change) {
  Json root = small_json();
  change(root);
  return root.dump();
}

std::string with_model(const char* key, const Json& value) {
  return with([&](Json& root) {
    Json model = root.at("model");
    model.set(key, value);
    root.set("model", model);
  });
}

std::shared_ptr<const bpe::BpeTokenizer> parse(const std::string& text) {
  return parse_tokenizer_json(text, "t.json");
}

TEST(TokenizerJson, ReadsWhatWeWrite) {
  const auto tokenizer = parse(small_json().dump());
  EXPECT_EQ(tokenizer->vocab_size(), 260);
  EXPECT_EQ(encode(*tokenizer, "the the"), (Ids{257, 258}));
  EXPECT_EQ(tokenizer->special_tokens(), small_tokenizer()->special_tokens());
  EXPECT_FALSE(tokenizer->end_of_text());
  EXPECT_EQ(parse_tokenizer_json(small_json().dump(), "t", "<|end|>")->end_of_text(), 259);
}

TEST(TokenizerJson, ReadsOlderAndNewerSpellings) {
  // Merges as pairs; no type of the model, no use_regex; a template that adds nothing.
  const std::string text = with([](Json& root) {
    Json model = Json::object();
    for (const auto& [key, value] : root.at("model").as_object())
      if (key != "type" && key != "merges") model.set(key, value);
    Json merges = Json::array();
    for (const Json& merge : root.at("model").at("merges").as_array()) {
      const std::string& both = merge.as_string();
      const std::size_t space = both.find(' ');
      merges.push_back(Json::array({both.substr(0, space), both.substr(space + 1)}));
    }
    model.set("merges", merges);
    root.set("model", model);
    root.set("pre_tokenizer", Json::object({{"type", "ByteLevel"}, {"add_prefix_space", false}}));
    const Json sequence = Json::object({{"Sequence", Json::object({{"id", "A"}})}});
    root.set("post_processor",
             Json::object({{"type", "TemplateProcessing"}, {"single", Json::array({sequence})}}));
  });
  EXPECT_EQ(encode(*parse(text), "the the"), (Ids{257, 258}));
}

TEST(TokenizerJson, RefusesByNameWhatWouldGiveOtherIds) {
  const auto code = ErrorCode::unsupported;
  const auto type = [](const char* name) { return Json::object({{"type", name}}); };
  const auto with_part = [](const char* key, const Json& value) {
    return with([&](Json& root) { root.set(key, value); });
  };
  EXPECT_ERROR(parse(with_model("type", "WordPiece")), code, "WordPiece");
  EXPECT_ERROR(parse(with_model("type", "Unigram")), code, "[t.json] the model is Unigram");
  EXPECT_ERROR(parse(with_model("dropout", 0.1)), code, "dropout");
  EXPECT_ERROR(parse(with_model("byte_fallback", true)), code, "byte_fallback");
  EXPECT_ERROR(parse(with_model("end_of_word_suffix", "</w>")), code, "end_of_word_suffix");
  EXPECT_ERROR(parse(with_part("normalizer", type("NFC"))), code, "normalizer (NFC)");
  EXPECT_ERROR(parse(with_part("pre_tokenizer", Json())), code, "no pre_tokenizer");
  EXPECT_ERROR(parse(with_part("pre_tokenizer", type("Metaspace"))), code, "Metaspace");
  const auto steps = [&](const Json& split) {
    const Json bytes =
        Json::object({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}});
    return with_part(
        "pre_tokenizer",
        Json::object({{"type", "Sequence"}, {"pretokenizers", Json::array({split, bytes})}}));
  };
  EXPECT_ERROR(parse(steps(type("Digits"))), code, "its Digits keeps digits together");
  const Json words = Json::object({{"Regex", R"(\w+|\s+)"}});
  EXPECT_ERROR(parse(steps(Json::object({{"type", "Split"}, {"pattern", words}}))), code,
               R"(the pattern \w+|\s+)");
  EXPECT_ERROR(parse(steps(Json::object(
                   {{"type", "Split"}, {"pattern", words}, {"behavior", "MergedWithNext"}}))),
               code, "MergedWithNext");
  EXPECT_ERROR(
      parse(steps(Json::object({{"type", "Split"}, {"pattern", words}, {"invert", true}}))), code,
      "throws text away");
  const Json spaced = Json::object({{"type", "ByteLevel"}, {"use_regex", false}});
  const Json gpt2 = Json::object({{"Regex", std::string(split::gpt2_splitter().pattern())}});
  EXPECT_ERROR(
      parse(with_part(
          "pre_tokenizer",
          Json::object(
              {{"type", "Sequence"},
               {"pretokenizers",
                Json::array({Json::object({{"type", "Split"}, {"pattern", gpt2}}), spaced})}}))),
      code, "adds a space to each piece");
  EXPECT_ERROR(parse(with_part("pre_tokenizer", Json::object({{"type", "ByteLevel"},
                                                              {"add_prefix_space", false},
                                                              {"use_regex", false}}))),
               code, "use_regex");
  EXPECT_ERROR(parse(with_part("post_processor", type("BertProcessing"))), code, "BertProcessing");
  EXPECT_ERROR(parse(with_part("decoder", type("Metaspace"))), code, "decoder is Metaspace");
  const Json added =
      Json::object({{"id", 300}, {"content", "foo"}, {"special", false}, {"single_word", true}});
  EXPECT_ERROR(parse(with_part("added_tokens", Json::array({added}))), code,
               "'foo' is not special and has single_word");
  const Json plain = Json::object({{"id", 300}, {"content", "foo"}, {"special", false}});
  EXPECT_ERROR(parse(with([&](Json& root) {
                 root.set("added_tokens", Json::array({plain}));
                 root.set("normalizer", type("Lowercase"));
               })),
               code, "puts text in lower case and matches 'foo'");
}

// A template that takes no text, or one twice, or adds tokens that are none.
TEST(TokenizerJson, RefusesTemplatesThatMakeNoSense) {
  const auto with_single = [](const Json& parts) {
    return with([&](Json& root) {
      root.set("post_processor", Json::object({{"type", "TemplateProcessing"}, {"single", parts}}));
    });
  };
  const Json special = Json::object({{"SpecialToken", Json::object({{"id", "<|end|>"}})}});
  const Json text = Json::object({{"Sequence", Json::object({{"id", "A"}})}});
  const Json other = Json::object({{"Sequence", Json::object({{"id", "B"}})}});
  EXPECT_ERROR(parse(with_single(Json::array({special}))), ErrorCode::corrupt, "<|end|>");
  EXPECT_ERROR(parse(with_single(Json::array({text, text}))), ErrorCode::unsupported, "once");
  EXPECT_ERROR(parse(with_single(Json::array({other}))), ErrorCode::corrupt, "sequence 'B'");
}

TEST(TokenizerJson, RefusesDamage) {
  const auto code = ErrorCode::corrupt;
  const std::string whole = small_json().dump(1);
  EXPECT_ERROR(parse(""), code, "t.json");
  EXPECT_ERROR(parse("[]"), code, "t.json");
  EXPECT_ERROR(parse("{}"), code, "model");
  for (std::size_t size = 1; size < whole.size() - 2; size += 97)
    EXPECT_ERROR(parse(whole.substr(0, size)), code, "t.json");
  EXPECT_ERROR(parse(std::string(100000, '[')), code, "deeper");
  EXPECT_ERROR(parse(with_model("vocab", Json::array())), code, "t.json");
  EXPECT_ERROR(parse(with_model("merges", 3)), code, "t.json");
  for (const char* merge : {"th", "t  h", "t h e", "", " ", "xx yy"})
    EXPECT_ERROR(parse(with_model("merges", Json::array({merge}))), code, "[t.json] merge");
  EXPECT_ERROR(parse(with_model("merges", Json::array({Json::array({"t"})}))), code, "1 tokens");
  EXPECT_ERROR(parse(with_model("merges", Json::array({"t h", "t h"}))), code, "twice");

  const auto with_token = [](const char* token, const Json& id) {
    Json vocab = small_json().at("model").at("vocab");
    vocab.set(token, id);
    return with_model("vocab", vocab);
  };
  EXPECT_ERROR(parse(with_token("new", 3)), code, "id 3 is given to two tokens");
  EXPECT_ERROR(parse(with_token("new", -3)), code, "got -3");
  EXPECT_ERROR(parse(with_token("new", 2000000000)), code, "got 2000000000");
  EXPECT_ERROR(parse(with_token("new", 1000000)), code, "got 1000000");
  EXPECT_ERROR(parse(with_token("new", "x")), code, "t.json");
  EXPECT_ERROR(parse(with_token("new", 1.5)), code, "t.json");
  EXPECT_ERROR(parse(with_token("", 300)), code, "empty");
  EXPECT_ERROR(parse(with_token("a b", 300)), code, "stand for no byte");
  EXPECT_ERROR(parse(with_token("<|end|>", 300)), code, "300 in the vocabulary and 259");
  const Json small = small_json();
  Json vocab = Json::object();
  for (const auto& [token, id] : small.at("model").at("vocab").as_object())
    if (token != "Ġ") vocab.set(token, id);
  EXPECT_ERROR(parse(with_model("vocab", vocab)), code, "names 'Ġ'");
  EXPECT_ERROR(parse(with([&](Json& root) {
                 Json model = root.at("model");
                 model.set("vocab", vocab);
                 model.set("merges", Json::array());
                 root.set("model", model);
               })),
               code, "byte 0x20");
}

TEST(Merges, ReadsLinesAndRefusesOthers) {
  const std::pair<std::string, std::string> th = {"t", "h"}, hashes = {"#", "#"},
                                            space = {" ", "a"};
  EXPECT_EQ(parse_merges("#version: 0.2\nt h\n# #\nĠ a\n", "m"), (std::vector{th, hashes, space}));
  EXPECT_EQ(parse_merges("t h\r\n# #", "m"), (std::vector{th, hashes}));
  EXPECT_TRUE(parse_merges("", "m").empty());
  for (const char* text : {"t h\nth", "t h\nt  h", "t h\n\nt h", "t h\n t", "t h\nt ", "t h\na b c",
                           "t h\n\xFF a", "t h\n中 a"})
    EXPECT_ERROR(parse_merges(text, "m"), ErrorCode::corrupt, "[m] line 2");
}

class VocabAndMergesTest : public testing::Test {
 protected:
  void SetUp() override {
    small_tokenizer()->save(folder_.path());
    std::filesystem::remove(folder_ / "tokenizer.json");
  }
  std::shared_ptr<const Tokenizer> open() { return open_tokenizer(folder_.path().string()); }
  TemporaryFolder folder_;
};

TEST_F(VocabAndMergesTest, ReadsWhatWeWrite) {
  EXPECT_EQ(encode(*open(), "the the"), (Ids{257, 258}));
  EXPECT_EQ(open()->special_tokens(), small_tokenizer()->special_tokens());
  EXPECT_EQ(open()->end_of_text(), 259);
}

TEST_F(VocabAndMergesTest, SpecialTokensAreKnownByTheirFormToo) {
  std::filesystem::remove(folder_ / "special_tokens_map.json");
  std::filesystem::remove(folder_ / "tokenizer_config.json");
  EXPECT_EQ(open()->special_tokens(), small_tokenizer()->special_tokens());
  EXPECT_FALSE(open()->end_of_text());
}

TEST_F(VocabAndMergesTest, RefusesMergesThatAreCutOrForeign) {
  const std::string merges = read_file(folder_ / "merges.txt");
  write_file(folder_ / "merges.txt", merges.substr(0, merges.size() - 8));
  EXPECT_ERROR(open(), ErrorCode::corrupt, "merges.txt");
  write_file(folder_ / "merges.txt", "#version: 0.2\nt h\nth e\n");
  EXPECT_ERROR(open(), ErrorCode::corrupt, "no merge makes 1 tokens of vocab.json");
  write_file(folder_ / "merges.txt", merges + "a b\n");
  EXPECT_ERROR(open(), ErrorCode::corrupt, "names 'ab'");
  std::filesystem::remove(folder_ / "merges.txt");
  EXPECT_ERROR(open(), ErrorCode::not_found, "neither tokenizer.json nor vocab.json");
}

TEST_F(VocabAndMergesTest, RefusesDamagedFiles) {
  write_file(folder_ / "tokenizer_config.json", "{\"eos_token\": ");
  EXPECT_ERROR(open(), ErrorCode::corrupt, "tokenizer_config.json");
  std::filesystem::remove(folder_ / "tokenizer_config.json");
  write_file(folder_ / "vocab.json", "{\"a\": \"b\"}");
  EXPECT_ERROR(open(), ErrorCode::corrupt, "vocab.json");
  write_file(folder_ / "vocab.json", "{\"a\": 1, \"a\": 2}");
  EXPECT_ERROR(open(), ErrorCode::corrupt, "vocab.json");
}

TEST(HuggingFaceSave, Gpt2ComesBackTheSame) {
  TemporaryFolder folder;
  const auto gpt2 = published_tokenizer("gpt2");
  gpt2->save(folder.path());
  const std::string text = test::fixture("training_corpus.txt") + "<|endoftext|>";
  for (const char* removed : {"none", "tokenizer.json"}) {
    std::filesystem::remove(folder / removed);
    const auto opened = open_tokenizer(folder.path().string());
    EXPECT_EQ(opened->vocab_size(), 50257);
    EXPECT_EQ(opened->end_of_text(), 50256);
    EXPECT_EQ(encode(*opened, text), encode(*gpt2, text));
    for (std::int32_t id = 0; id < 50257; ++id) ASSERT_EQ(opened->bytes_of(id), gpt2->bytes_of(id));
  }
}

// The published merges.txt, byte for byte.
TEST(HuggingFaceSave, Gpt2sMergesAreTheFileThatWasPublished) {
  const auto published = test::shared("tokenizers/gpt2/vocab.bpe");
  if (published.empty()) GTEST_SKIP() << "SKIPPED: needs ../shared/tokenizers/gpt2/vocab.bpe";
  TemporaryFolder folder;
  published_tokenizer("gpt2")->save(folder.path());
  EXPECT_EQ(read_file(folder / "merges.txt"), read_file(published));
}

TEST(HuggingFaceSave, NamesTheSpecialTokens) {
  TemporaryFolder folder;
  published_tokenizer("gpt2")->save(folder.path());
  const auto read = [&](const char* name) { return Json::parse(read_file(folder / name), name); };
  for (const char* role : {"bos_token", "eos_token", "unk_token"}) {
    EXPECT_EQ(read("special_tokens_map.json").at(role).as_string(), "<|endoftext|>");
    EXPECT_EQ(read("tokenizer_config.json").at(role).as_string(), "<|endoftext|>");
  }
  EXPECT_EQ(read("tokenizer_config.json").at("tokenizer_class").as_string(), "GPT2Tokenizer");
  EXPECT_EQ(read("vocab.json").at("<|endoftext|>").as_int(), 50256);
  small_tokenizer()->save(folder.path());
  EXPECT_EQ(read("tokenizer_config.json").at("tokenizer_class").as_string(),
            "PreTrainedTokenizerFast");
}

TEST(HuggingFaceSave, NeedsAFolder) {
  TemporaryFolder folder;
  EXPECT_ERROR(small_tokenizer()->save(folder / "missing"), ErrorCode::device, "missing");
}

}  // namespace
}  // namespace stemma::tokenizer_files

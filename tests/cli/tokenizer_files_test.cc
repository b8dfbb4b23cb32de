// Tokenizers from file to file, and a character tokenizer from text to generated text.
#include "tests/cli/program.h"

namespace cli_test {
namespace {

namespace fs = std::filesystem;

std::string ids_of(const std::string& tokenizer, const fs::path& folder) {
  const Result r = run({"tokenizer", "encode", "--tokenizer", tokenizer, "--input",
                        folder / "text.txt", "--output", folder / "ids.npy"});
  EXPECT_EQ(r.code, 0) << r.err;
  return read_text(folder / "ids.npy");
}

void convert(const std::string& from, const fs::path& to) {
  const Result r = run({"tokenizer", "convert", "--tokenizer", from, "--output", to});
  EXPECT_EQ(r.code, 0) << r.err;
}

void expect_refused(const std::vector<std::string>& arguments, const std::string& says) {
  const Result r = run(arguments);
  EXPECT_EQ(r.code, 3) << r.err;
  EXPECT_TRUE(r.out.empty()) << r.out;
  EXPECT_NE(r.err.find(says), std::string::npos) << r.err;
}

TEST(TokenizerConvert, EveryFormGivesTheSameIds) {
  const TemporaryFolder folder;
  make_tokenizer(folder.path(), 300);
  const std::string expected = ids_of(folder / "tokenizer", folder.path());
  convert(folder / "tokenizer", folder / "ranks.tiktoken");
  convert(folder / "ranks.tiktoken", folder / "again");
  for (const char* form : {"ranks.tiktoken", "again", "again/tokenizer.json"})
    EXPECT_EQ(ids_of(folder / form, folder.path()), expected) << form;
  const Result r = run(
      {"tokenizer", "convert", "--tokenizer", "bytes", "--output", folder / "bytes.txt", "--json"});
  EXPECT_EQ(r.json().at("vocab_size").as_int(), 257) << r.err;
  EXPECT_EQ(ids_of(folder / "bytes.txt", folder.path()), ids_of("bytes", folder.path()));
}

TEST(TokenizerConvert, RefusesWithTheReason) {
  const TemporaryFolder folder;
  const auto to = [&](const std::string& from, const char* output, const std::string& says) {
    expect_refused({"tokenizer", "convert", "--tokenizer", from, "--output", folder / output},
                   says);
    EXPECT_FALSE(fs::exists(folder / output));
  };
  to("gpt2", "vocab.txt", "single characters");
  to("bytes", "b.tiktoken", "byte-level BPE only");
  to("nothing", "folder", "built-in encoding");
}

// Nothing that was there is written over, whatever name or link it is called by.
TEST(TokenizerFiles, OutputsTakeNoInputsPlace) {
  const TemporaryFolder folder;
  write_text(folder / "book.txt", "Hello world");
  fs::create_symlink(folder / "book.txt", folder / "link.txt");
  const std::string book = folder / "book.txt", link = folder / "link.txt", ids = folder / "ids";
  const auto refused = [&](std::vector<std::string> arguments, const std::string& says) {
    arguments.insert(arguments.begin(), "tokenizer");
    arguments.insert(arguments.end(), {"--tokenizer", "gpt2", "--input", book});
    const Result r = run(arguments);
    EXPECT_EQ(r.code, 2) << r.err;
    EXPECT_NE(r.err.find(says), std::string::npos) << r.err;
    EXPECT_EQ(read_text(book), "Hello world");
    EXPECT_FALSE(fs::exists(ids));
  };
  refused({"encode", "--output", link}, "--output and --input are one file");
  refused({"encode", "--output", ids, "--offsets", link}, "--offsets and --input");
  refused({"encode", "--output", ids, "--offsets", folder / "./ids"}, "--output and --offsets");
  refused({"decode", "--output", book}, "--output and --input");
  refused({"inspect", "--html", book}, "--html and --input");

  // What is not there is not written over.
  EXPECT_EQ(run({"tokenizer", "encode", "--tokenizer", ids, "--input", book, "--output", ids}).code,
            3);

  const Result r = run({"tokenizer", "encode", "--tokenizer", "gpt2", "--input", book, "--output",
                        folder / "missing/ids", "--offsets", folder / "offsets"});
  EXPECT_EQ(r.code, 4) << r.err;
  EXPECT_FALSE(fs::exists(folder / "offsets"));
}

TEST(TokenizerFiles, BadOnesEndWithCode3) {
  const TemporaryFolder folder;
  const auto with = [&](const char* name, const std::string& text, const std::string& says) {
    write_text(folder / name, text);
    expect_refused({"info", "--tokenizer", folder / name}, says);
  };
  with("x.tiktoken", "IQ== 0\n", "x.json");
  with("gpt2.tiktoken", "IQ== 0\n", "must have 50256 lines");
  with("vocab.txt", "[PAD]\n[CLS]\n", "WordPiece");
  with("vocab.txt", "a\nbc\n", "line 2");
  with("tokenizer.json", std::string(1'000'000, '['), "deeper");
  fs::resize_file(folder / "tokenizer.json", std::uintmax_t{2} << 30);
  expect_refused({"info", "--tokenizer", folder.path()}, "tokenizer.json must be at most");
}

// Training of models knows tokenizers by their interface only.
TEST(CharacterTokenizer, FromTextToGeneratedText) {
  const TemporaryFolder folder;
  write_text(folder / "text.txt", sample_text(500) + "ééé 中中 ü\n");
  Result r = run({"tokenizer", "train", "--kind", "characters", "--input", folder / "text.txt",
                  "--vocab-size", "300", "--output", folder / "tokenizer", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.json().at("vocab_size").as_int(), 259);  // ü comes once, below --min-frequency
  EXPECT_EQ(r.json().at("distinct_characters").as_int(), 3);
  r = run({"data", "pack", "--input", folder / "text.txt", "--tokenizer", folder / "tokenizer",
           "--output", folder / "packed"});
  ASSERT_EQ(r.code, 0) << r.err;
  r = run({"data", "inspect", folder / "packed", "--tokenizer", folder / "tokenizer"});
  EXPECT_EQ(r.code, 0) << r.err;
  ASSERT_EQ(run(train_arguments(folder.path(), "run", 3)).code, 0);
  r = run(
      {"generate", "--model", folder / "run", "--prompt", "thé", "--max-tokens", "5", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.json().at("ids").as_array().size(), 5u);
}

}  // namespace
}  // namespace cli_test

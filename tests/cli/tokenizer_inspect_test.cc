// `tokenizer inspect` and `tokenizer bench` from end to end.
#include "tests/cli/program.h"

namespace cli_test {
namespace {

using stemma::Json;

TEST(Inspect, ShowsTokensWithoutColoursWhereNoTerminalIs) {
  const Result r = run(
      {"tokenizer", "inspect", "--tokenizer", "gpt2", "--text", "Hello world\n\x1b[31m", "--ids"});
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(r.out.starts_with("Hello(15496)│·world(995)│↵(198)\n")) << r.out;
  EXPECT_EQ(r.out.find('\x1b'), r.out.npos);
  EXPECT_NE(r.out.find("gpt2: 7 tokens"), r.out.npos) << r.out;
}

TEST(Inspect, FiguresAreOfTheWholeTextAndAPageOfItsStart) {
  const TemporaryFolder folder;
  write_text(folder / "text", sample_text(2000) + "\xff<script>");
  const Result r =
      run({"tokenizer", "inspect", "--tokenizer", "gpt2", "cl100k_base", "--input", folder / "text",
           "--html", folder / "page.html", "--show", "500", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  const Json json = r.json();
  EXPECT_EQ(json.at("bytes").as_int(),
            static_cast<std::int64_t>(std::filesystem::file_size(folder / "text")));
  EXPECT_EQ(json.at("invalid_bytes").as_int(), 1);
  EXPECT_EQ(json.at("words").as_int(), 2000 * 9 + 1);
  ASSERT_EQ(json.at("tokenizers").as_array().size(), 2u);
  for (const Json& one : json.at("tokenizers").as_array()) {
    EXPECT_TRUE(one.at("exact").as_bool());
    std::int64_t tokens = 0;
    for (const Json& count : one.at("tokens_by_bytes").as_array()) tokens += count.as_int();
    EXPECT_EQ(tokens, one.at("tokens").as_int());
    EXPECT_EQ(one.at("used").as_int() + one.at("unused").as_int(), one.at("vocabulary").as_int());
  }
  EXPECT_EQ(json.at("tokenizers").as_array()[0].at("vocabulary").as_int(), 50256);
  const std::string page = read_text(folder / "page.html");
  EXPECT_NE(page.find("the figures are of the whole text"), page.npos);
  EXPECT_EQ(page.find("<script"), page.npos);
  EXPECT_NE(page.find("cl100k_base"), page.npos);
}

TEST(Inspect, NeedsOneText) {
  EXPECT_EQ(run({"tokenizer", "inspect", "--tokenizer", "gpt2"}).code, 2);
  EXPECT_EQ(
      run({"tokenizer", "inspect", "--tokenizer", "gpt2", "--text", "a", "--input", "b"}).code, 2);
  EXPECT_EQ(run({"tokenizer", "inspect", "--tokenizer", "gpt2", "--input", "missing"}).code, 3);
  EXPECT_EQ(run({"tokenizer", "inspect", "--tokenizer", "gptt", "--text", "a"}).code, 3);
}

TEST(TokenizerBenchCommand, ReportsRatesOfEachText) {
  const TemporaryFolder folder;
  write_text(folder / "book", sample_text(500));
  write_text(folder / "short", "Hello");
  const Result r =
      run({"tokenizer", "bench", "--tokenizer", "gpt2", "r50k_base", "--input", folder / "book",
           folder / "short", "--runs", "2", "--threads", "2", "--skip-memory", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  const Json json = r.json();
  EXPECT_FALSE(json.at("synthetic").as_bool());
  EXPECT_GT(json.at("peak_memory_bytes").as_int(), 1'000'000);
  EXPECT_EQ(json.find("memory"), nullptr);
  for (const Json& one : json.at("tokenizers").as_array()) {
    EXPECT_GT(one.at("load_seconds").at("median").as_double(), 0);
    const auto& texts = one.at("texts").as_array();
    ASSERT_EQ(texts.size(), 2u);
    EXPECT_EQ(texts[0].at("text").as_string(), "book");
    EXPECT_EQ(texts[0].at("encode_relative").as_double(), 1);
    EXPECT_GT(texts[0].at("parallel_bytes_per_s").at("median").as_double(), 0);
    EXPECT_GT(texts[0].at("apart_bytes_per_s").at("median").as_double(), 0);
    EXPECT_GT(texts[1].at("decode_bytes_per_s").at("median").as_double(), 0);
  }
  write_text(folder / "empty", "");
  EXPECT_EQ(run({"tokenizer", "bench", "--input", folder / "empty"}).code, 2);
}

}  // namespace
}  // namespace cli_test

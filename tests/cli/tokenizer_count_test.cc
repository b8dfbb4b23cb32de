// Counting, places of tokens, special tokens and threads through the real binary.
#include <cstring>

#include "tests/cli/program.h"

namespace cli_test {
namespace {

using stemma::Json;

// The bytes behind the header of a .npy file.
std::string npy_data(const std::filesystem::path& path) {
  const std::string file = read_text(path);
  return file.substr(10 + static_cast<unsigned char>(file.at(8)) +
                     256u * static_cast<unsigned char>(file.at(9)));
}

template <class T>
std::vector<T> numbers(const std::filesystem::path& path) {
  const std::string data = npy_data(path);
  std::vector<T> values(data.size() / sizeof(T));
  std::memcpy(values.data(), data.data(), values.size() * sizeof(T));
  return values;
}

Result encode(const TemporaryFolder& folder, const std::vector<std::string>& more) {
  std::vector<std::string> all = {"tokenizer", "encode",      "--tokenizer", "gpt2",
                                  "--input",   folder / "in", "--output",    folder / "ids.npy"};
  all.insert(all.end(), more.begin(), more.end());
  return run(all);
}

TEST(TokenizerEncode, SpecialTokensAreThoseAllowedByName) {
  const TemporaryFolder folder;
  write_text(folder / "in", "Hello<|endoftext|> world");
  ASSERT_EQ(encode(folder, {}).code, 0);
  EXPECT_EQ(numbers<std::uint32_t>(folder / "ids.npy"),
            (std::vector<std::uint32_t>{15496, 27, 91, 437, 1659, 5239, 91, 29, 995}));
  for (const char* name : {"<|endoftext|>", "all"}) {
    ASSERT_EQ(encode(folder, {"--allow-special", name}).code, 0);
    EXPECT_EQ(numbers<std::uint32_t>(folder / "ids.npy"),
              (std::vector<std::uint32_t>{15496, 50256, 995}));
  }
  const Result r = encode(folder, {"--allow-special", "<|endoftxt|>"});
  EXPECT_EQ(r.code, 2);
  EXPECT_NE(r.err.find("did you mean '<|endoftext|>'?"), r.err.npos) << r.err;
}

TEST(TokenizerEncode, OffsetsAreRowsOfBeginAndEnd) {
  const TemporaryFolder folder;
  write_text(folder / "in", "Hello world");
  ASSERT_EQ(encode(folder, {"--offsets", folder / "offsets.npy"}).code, 0);
  EXPECT_NE(read_text(folder / "offsets.npy").find("'descr': '<u8'"), std::string::npos);
  EXPECT_NE(read_text(folder / "offsets.npy").find("'shape': (2, 2)"), std::string::npos);
  EXPECT_EQ(numbers<std::uint64_t>(folder / "offsets.npy"),
            (std::vector<std::uint64_t>{0, 5, 5, 11}));
}

TEST(TokenizerEncode, ThreadsChangeNothing) {
  const TemporaryFolder folder;
  std::string text = sample_text(40'000) + std::string(1, '\0') + "\xFF\n" + sample_text(1000);
  write_text(folder / "in", text);
  ASSERT_EQ(encode(folder, {"--threads", "1"}).code, 0);
  const std::string one = npy_data(folder / "ids.npy");
  ASSERT_EQ(encode(folder, {"--threads", "3"}).code, 0);
  EXPECT_TRUE(npy_data(folder / "ids.npy") == one);
  const Result back =
      run({"tokenizer", "decode", "--tokenizer", "gpt2", "--input", folder / "ids.npy"});
  EXPECT_TRUE(back.out == text);
}

TEST(TokenizerCount, CountsFilesAndAllOfThem) {
  const TemporaryFolder folder;
  write_text(folder / "hello", "Hello world");
  write_text(folder / "odd", std::string("\0\xFF na\xC3\xAFve", 9));
  write_text(folder / "empty", "");
  const Result r = run({"tokenizer", "count", "--tokenizer", "gpt2", "--json", folder / "hello",
                        folder / "odd", folder / "empty"});
  ASSERT_EQ(r.code, 0) << r.err;
  const Json total = r.json();
  const auto& files = total.at("files").as_array();
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0].at("tokens").as_int(), 2);
  EXPECT_EQ(files[0].at("bytes").as_int(), 11);
  EXPECT_EQ(files[0].at("characters").as_int(), 11);
  EXPECT_EQ(files[0].at("words").as_int(), 2);
  EXPECT_DOUBLE_EQ(files[0].at("bytes_per_token").as_double(), 5.5);
  EXPECT_EQ(files[1].at("bytes").as_int(), 9);
  EXPECT_EQ(files[1].at("characters").as_int(), 8);
  EXPECT_EQ(files[1].at("words").as_int(), 2);
  EXPECT_EQ(files[2].at("tokens").as_int(), 0);
  EXPECT_EQ(total.at("bytes").as_int(), 20);
  EXPECT_EQ(r.json().at("tokens").as_int(), 2 + files[1].at("tokens").as_int());
}

TEST(TokenizerCount, SaysWhereTheFirstTokensEnd) {
  const TemporaryFolder folder;
  write_text(folder / "hello", "Hello world, what a day");
  const auto first = [&](const char* limit) {
    const Result r = run({"tokenizer", "count", "--tokenizer", "gpt2", "--json", "--limit", limit,
                          folder / "hello"});
    EXPECT_EQ(r.code, 0) << r.err;
    const Json json = r.json();
    return std::pair(json.at("tokens").as_int(), json.at("bytes").as_int());
  };
  EXPECT_EQ(first("2"), std::pair(std::int64_t{2}, std::int64_t{11}));
  EXPECT_EQ(first("100"), std::pair(std::int64_t{6}, std::int64_t{23}));
}

TEST(TokenizerCount, MissingFilesAreErrors) {
  const Result r = run({"tokenizer", "count", "--tokenizer", "gpt2", "/nonexistent/file"});
  EXPECT_EQ(r.code, 3);
  EXPECT_NE(r.err.find("/nonexistent/file"), r.err.npos) << r.err;
  EXPECT_TRUE(r.out.empty());
}

}  // namespace
}  // namespace cli_test

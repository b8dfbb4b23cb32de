// What the tests of data/ share: a folder that goes away, compressed files, a tokenizer of bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/error.h"
#include "text/tokenizer.h"

namespace stemma::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    static int next = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("stemma-data-" + std::to_string(::getpid()) + "-" + std::to_string(next++));
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, std::string_view content) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream file(path_ / name, std::ios::binary | std::ios::trunc);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

inline std::string read_all(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline std::string gzip(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// With a checksum of the content, as the command `zstd` writes it.
inline std::string zstd(std::string_view text) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  std::string out(ZSTD_compressBound(text.size()), '\0');
  const std::size_t size =
      ZSTD_compress2(context, out.data(), out.size(), text.data(), text.size());
  ZSTD_freeCCtx(context);
  EXPECT_FALSE(ZSTD_isError(size));
  out.resize(size);
  return out;
}

// Ids 0-255 are the bytes, 256 is <|endoftext|> (unless it has none); `vocab_size` may be larger.
class ByteTokenizer : public Tokenizer {
 public:
  explicit ByteTokenizer(std::int32_t vocab_size = 257, bool has_end = true)
      : vocab_size_(vocab_size), has_end_(has_end) {
    for (int i = 0; i < 256; ++i) bytes_.push_back(static_cast<char>(i));
    if (has_end) specials_.emplace_back("<|endoftext|>", 256);
  }
  std::int32_t vocab_size() const override { return vocab_size_; }
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const override {
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  }
  std::string_view bytes_of(std::int32_t id) const override {
    if (id >= 0 && id < 256)
      return std::string_view(bytes_).substr(static_cast<std::size_t>(id), 1);
    if (id == 256 && has_end_) return specials_[0].first;
    throw Error(ErrorCode::invalid_argument, "[byte tokenizer] no such token");
  }
  const std::vector<std::pair<std::string, std::int32_t>>& special_tokens() const override {
    return specials_;
  }
  std::optional<std::int32_t> end_of_text() const override {
    return has_end_ ? std::optional<std::int32_t>(256) : std::nullopt;
  }
  void save(const std::filesystem::path& folder) const override {
    std::ofstream(folder / "byte-tokenizer") << vocab_size_;
  }

 private:
  std::int32_t vocab_size_;
  bool has_end_;
  std::string bytes_;
  std::vector<std::pair<std::string, std::int32_t>> specials_;
};

// Runs `action` and returns the message of the Error it must throw, which must have `code`.
template <class Action>
std::string error_of(ErrorCode code, Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(to_string(error.code()), to_string(code)) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error was thrown";
  return "";
}

}  // namespace stemma::test

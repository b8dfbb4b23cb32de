#include "data/byte_source.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/error.h"

namespace stemma {
namespace {

constexpr std::size_t kInputBytes = 256 << 10;
constexpr std::size_t kLineBufferBytes = 1 << 20;

// The file as it lies on disk.
class PlainSource : public ByteSource {
 public:
  explicit PlainSource(const std::filesystem::path& path) : path_(path.string()) {
    std::error_code failure;
    if (std::filesystem::is_directory(path, failure))
      throw Error(ErrorCode::not_found,
                  fmt::format("[data] {}: a file is wanted, this is a folder", path_));
    file_.reset(std::fopen(path_.c_str(), "rb"));
    if (!file_)
      throw Error(ErrorCode::not_found, fmt::format("[data] {}: cannot be opened: {}", path_,
                                                    std::generic_category().message(errno)));
  }

  std::size_t read(char* out, std::size_t size) override {
    const std::size_t got = std::fread(out, 1, size, file_.get());
    if (got < size && std::ferror(file_.get()))
      throw Error(ErrorCode::device,
                  fmt::format("[data] {}: read error at byte {}: {}", path_, position_ + got,
                              std::generic_category().message(errno)));
    position_ += got;
    return got;
  }

  std::uint64_t position() const override { return position_; }
  const std::string& name() const { return path_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::uint64_t position_ = 0;
};

[[noreturn]] void throw_damaged(const std::string& name, std::uint64_t offset, const char* format,
                                const char* reason) {
  throw Error(ErrorCode::corrupt,
              fmt::format("[data] {}: damaged {} data at byte {} of the compressed file: {}; fetch "
                          "or compress the file again",
                          name, format, offset, reason));
}

class GzipSource : public ByteSource {
 public:
  explicit GzipSource(const std::filesystem::path& path) : file_(path), input_(kInputBytes, '\0') {
    if (inflateInit2(&stream_, 15 + 16) != Z_OK)  // 16: gzip framing only, with its CRC
      throw Error(ErrorCode::out_of_memory, "[data] zlib has no memory for its window");
  }
  ~GzipSource() override { inflateEnd(&stream_); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  std::size_t read(char* out, std::size_t size) override {
    std::size_t done = 0;
    while (done < size) {
      if (stream_.avail_in == 0 && !refill()) {
        if (!between_members_) damaged("it ends in the middle of a member (truncated?)");
        break;
      }
      if (between_members_ && !start_member()) continue;
      const std::size_t room = std::min<std::size_t>(size - done, 1u << 30);
      stream_.next_out = reinterpret_cast<Bytef*>(out + done);
      stream_.avail_out = static_cast<uInt>(room);
      const int status = inflate(&stream_, Z_NO_FLUSH);
      done += room - stream_.avail_out;
      if (status == Z_STREAM_END)
        between_members_ = true;
      else if (status != Z_OK && status != Z_BUF_ERROR)
        damaged(stream_.msg ? stream_.msg : "bad block");
    }
    return done;
  }

  std::uint64_t position() const override { return file_.position(); }

 private:
  bool refill() {
    const std::size_t got = file_.read(input_.data(), input_.size());
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
    stream_.avail_in = static_cast<uInt>(got);
    return got > 0;
  }

  // Zero bytes after a member are padding (tapes, some uploaders); anything else is a new member.
  bool start_member() {
    while (stream_.avail_in > 0 && *stream_.next_in == 0) {
      ++stream_.next_in;
      --stream_.avail_in;
    }
    if (stream_.avail_in == 0) return false;
    inflateReset(&stream_);
    between_members_ = false;
    return true;
  }

  [[noreturn]] void damaged(const char* reason) const {
    throw_damaged(file_.name(), file_.position() - stream_.avail_in, "gzip", reason);
  }

  PlainSource file_;
  std::string input_;
  z_stream stream_{};
  bool between_members_ = false;
};

class ZstdSource : public ByteSource {
 public:
  explicit ZstdSource(const std::filesystem::path& path)
      : file_(path), buffer_(kInputBytes, '\0'), context_(ZSTD_createDCtx()) {
    if (!context_) throw Error(ErrorCode::out_of_memory, "[data] zstd has no memory for a context");
  }

  std::size_t read(char* out, std::size_t size) override {
    ZSTD_outBuffer output{out, size, 0};
    while (output.pos < output.size) {
      if (input_.pos == input_.size && !output_waits_ && !refill()) {
        if (!frame_done_) damaged("it ends in the middle of a frame (truncated?)");
        break;
      }
      const std::size_t status = ZSTD_decompressStream(context_.get(), &output, &input_);
      if (ZSTD_isError(status)) {
        if (ZSTD_getErrorCode(status) == ZSTD_error_frameParameter_windowTooLarge)
          throw Error(ErrorCode::unsupported,
                      fmt::format("[data] {}: compressed with a window above 128 MiB; compress it "
                                  "again without --long or --ultra",
                                  file_.name()));
        damaged(ZSTD_getErrorName(status));
      }
      frame_done_ = status == 0;
      output_waits_ = !frame_done_ && output.pos == output.size;
    }
    return output.pos;
  }

  std::uint64_t position() const override { return file_.position(); }

 private:
  bool refill() {
    input_ = {buffer_.data(), file_.read(buffer_.data(), buffer_.size()), 0};
    return input_.size > 0;
  }

  [[noreturn]] void damaged(const char* reason) const {
    throw_damaged(file_.name(), file_.position() - (input_.size - input_.pos), "zstd", reason);
  }

  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  PlainSource file_;
  std::string buffer_;
  ZSTD_inBuffer input_{nullptr, 0, 0};
  std::unique_ptr<ZSTD_DCtx, Free> context_;
  bool frame_done_ = false;    // at a frame's end: the file may end here
  bool output_waits_ = false;  // decompressed bytes may wait inside the context
};

}  // namespace

std::string lower_extension(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return extension;
}

std::unique_ptr<ByteSource> ByteSource::open(const std::filesystem::path& path) {
  const std::string extension = lower_extension(path);
  if (extension == ".gz") return std::make_unique<GzipSource>(path);
  if (extension == ".zst") return std::make_unique<ZstdSource>(path);
  return std::make_unique<PlainSource>(path);
}

LineReader::LineReader(const std::filesystem::path& path)
    : path_(path), source_(ByteSource::open(path)), buffer_(kLineBufferBytes, '\0') {}

bool LineReader::refill() {
  next_ = 0;
  end_ = source_->read(buffer_.data(), buffer_.size());
  if (!started_ && end_ >= 3 && std::memcmp(buffer_.data(), "\xEF\xBB\xBF", 3) == 0) next_ = 3;
  started_ = true;
  return next_ < end_;
}

bool LineReader::append_line(std::string& text, std::uint64_t limit_bytes) {
  if (next_ == end_ && !refill()) return false;
  ++line_;
  for (;;) {
    const char* begin = buffer_.data() + next_;
    const auto* newline = static_cast<const char*>(std::memchr(begin, '\n', end_ - next_));
    const std::size_t length =
        newline ? static_cast<std::size_t>(newline - begin) + 1 : end_ - next_;
    if (length > limit_bytes || text.size() > limit_bytes - length)
      throw Error(ErrorCode::unsupported,
                  fmt::format("[data] {}:{}: a document is longer than {} bytes, the most that one "
                              "may have; cut it into several",
                              path_.string(), line_, limit_bytes));
    text.append(begin, length);
    next_ += length;
    if (newline || (next_ == end_ && !refill())) return true;
  }
}

}  // namespace stemma

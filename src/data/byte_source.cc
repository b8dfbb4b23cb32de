#include "data/byte_source.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/error.h"
#include "data/text_content.h"
#include "text/unicode/code_points.h"

namespace stemma {
namespace {

constexpr std::size_t kInputBytes = 256 << 10;
constexpr std::size_t kLineBufferBytes = 1 << 20;

// Bytes as they lie.
class RawSource : public ByteSource {
 public:
  virtual const std::string& name() const = 0;
};

class PlainSource final : public RawSource {
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
  const std::string& name() const override { return path_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::uint64_t position_ = 0;
};

class MemorySource final : public RawSource {
 public:
  explicit MemorySource(const TextFile& file) : name_(file.path.string()), bytes_(file.piped) {}

  std::size_t read(char* out, std::size_t size) override {
    const std::size_t got = bytes_->copy(out, size, position_);
    position_ += got;
    return got;
  }
  std::uint64_t position() const override { return position_; }
  const std::string& name() const override { return name_; }

 private:
  std::string name_;
  std::shared_ptr<const std::string> bytes_;
  std::size_t position_ = 0;
};

[[noreturn]] void throw_damaged(const std::string& name, std::uint64_t offset, const char* format,
                                const char* reason) {
  throw Error(ErrorCode::corrupt,
              fmt::format("[data] {}: damaged {} data at byte {} of the compressed file: {}; fetch "
                          "or compress the file again",
                          name, format, offset, reason));
}

class GzipSource final : public ByteSource {
 public:
  explicit GzipSource(std::unique_ptr<RawSource> file)
      : file_(std::move(file)), input_(kInputBytes, '\0') {
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

  std::uint64_t position() const override { return file_->position(); }

 private:
  bool refill() {
    const std::size_t got = file_->read(input_.data(), input_.size());
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
    throw_damaged(file_->name(), file_->position() - stream_.avail_in, "gzip", reason);
  }

  std::unique_ptr<RawSource> file_;
  std::string input_;
  z_stream stream_{};
  bool between_members_ = false;
};

class ZstdSource final : public ByteSource {
 public:
  explicit ZstdSource(std::unique_ptr<RawSource> file)
      : file_(std::move(file)), buffer_(kInputBytes, '\0'), context_(ZSTD_createDCtx()) {
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
                                  file_->name()));
        damaged(ZSTD_getErrorName(status));
      }
      frame_done_ = status == 0;
      output_waits_ = !frame_done_ && output.pos == output.size;
    }
    return output.pos;
  }

  std::uint64_t position() const override { return file_->position(); }

 private:
  bool refill() {
    input_ = {buffer_.data(), file_->read(buffer_.data(), buffer_.size()), 0};
    return input_.size > 0;
  }

  [[noreturn]] void damaged(const char* reason) const {
    throw_damaged(file_->name(), file_->position() - (input_.size - input_.pos), "zstd", reason);
  }

  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  std::unique_ptr<RawSource> file_;
  std::string buffer_;
  ZSTD_inBuffer input_{nullptr, 0, 0};
  std::unique_ptr<ZSTD_DCtx, Free> context_;
  bool frame_done_ = false;    // at a frame's end: the file may end here
  bool output_waits_ = false;  // decompressed bytes may wait inside the context
};

// UTF-16 and UTF-32 to UTF-8, and no byte-order mark.
class Utf8Source final : public ByteSource {
 public:
  explicit Utf8Source(std::unique_ptr<ByteSource> bytes) : bytes_(std::move(bytes)) {}

  std::size_t read(char* out, std::size_t size) override {
    if (!started_) start();
    std::size_t done = 0;
    for (;;) {
      const std::size_t got = std::min(size - done, ready_.size() - next_);
      ready_.copy(out + done, got, next_);
      next_ += got;
      done += got;
      if (done == size) return done;
      if (encoding_ == TextEncoding::utf8) return done + bytes_->read(out + done, size - done);
      if (!convert()) return done;
    }
  }
  std::uint64_t position() const override { return bytes_->position(); }
  TextEncoding encoding() const override { return encoding_; }
  std::uint64_t replaced() const override { return replaced_; }

 private:
  void start() {
    started_ = true;
    ready_.resize(4);
    ready_.resize(bytes_->read(ready_.data(), ready_.size()));
    encoding_ = look_at(ready_).encoding;
    if (encoding_ == TextEncoding::utf8) {
      if (ready_.starts_with("\xEF\xBB\xBF")) next_ = 3;
      return;
    }
    const bool wide = encoding_ == TextEncoding::utf32_le || encoding_ == TextEncoding::utf32_be;
    unit_ = wide ? 4 : 2;
    left_ = ready_.substr(unit_);
    ready_.clear();
  }

  // The next block; false at the end.
  bool convert() {
    std::string block = std::move(left_);
    const std::size_t kept = block.size();
    block.resize(kept + kInputBytes);
    const std::size_t got = bytes_->read(block.data() + kept, kInputBytes);
    block.resize(kept + got);
    const bool last = got < kInputBytes;
    std::u32string text;
    std::size_t at = 0;
    for (; at + unit_ <= block.size(); at += unit_) {
      char32_t c = unit_at(block, at);
      if (unit_ == 2 && c >= 0xD800 && c < 0xDC00) {
        if (at + 4 > block.size() && !last) break;
        const char32_t second = at + 4 <= block.size() ? unit_at(block, at + 2) : 0;
        if (second >= 0xDC00 && second < 0xE000) {
          c = 0x10000 + ((c - 0xD800) << 10) + (second - 0xDC00);
          at += 2;
        }
      }
      const bool damaged = (c >= 0xD800 && c < 0xE000) || c > 0x10FFFF;
      text += damaged ? U'\uFFFD' : c;
      replaced_ += damaged ? 1 : 0;
    }
    if (!last) left_ = block.substr(at);
    if (last && at < block.size()) {  // half a unit
      text += U'\uFFFD';
      ++replaced_;
    }
    ready_.clear();
    next_ = 0;
    unicode::append_utf8(text, ready_);
    return !ready_.empty() || !last;
  }

  char32_t unit_at(const std::string& block, std::size_t at) const {
    const bool little = encoding_ == TextEncoding::utf16_le || encoding_ == TextEncoding::utf32_le;
    char32_t unit = 0;
    for (std::size_t i = 0; i < unit_; ++i)
      unit = unit << 8 | static_cast<unsigned char>(block[at + (little ? unit_ - 1 - i : i)]);
    return unit;
  }

  std::unique_ptr<ByteSource> bytes_;
  TextEncoding encoding_ = TextEncoding::utf8;
  std::size_t unit_ = 1;  // bytes
  std::string ready_;     // UTF-8 that waits, from next_ on
  std::string left_;      // bytes of a character that is not whole yet
  std::size_t next_ = 0;
  std::uint64_t replaced_ = 0;
  bool started_ = false;
};

std::unique_ptr<RawSource> open_raw(const TextFile& file) {
  if (file.piped) return std::make_unique<MemorySource>(file);
  return std::make_unique<PlainSource>(file.path);
}

std::unique_ptr<ByteSource> open_decompressed(const TextFile& file) {
  char begin[4] = {};
  const std::string_view magic(begin, open_raw(file)->read(begin, sizeof begin));
  const std::string extension = lower_extension(file.path);
  std::unique_ptr<RawSource> raw = open_raw(file);
  if (magic.starts_with("\x1F\x8B") || extension == ".gz")
    return std::make_unique<GzipSource>(std::move(raw));
  // A zstd frame, or one that is skipped.
  if (magic == "\x28\xB5\x2F\xFD" || (magic.size() == 4 && magic.substr(1) == "\x2A\x4D\x18") ||
      extension == ".zst")
    return std::make_unique<ZstdSource>(std::move(raw));
  return raw;
}

}  // namespace

std::string lower_extension(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return extension;
}

std::unique_ptr<ByteSource> ByteSource::open(const TextFile& file) {
  return std::make_unique<Utf8Source>(open_decompressed(file));
}

std::string read_text(const TextFile& file, std::uint64_t limit_bytes) {
  const auto source = ByteSource::open(file);
  std::string text;
  for (;;) {
    const std::size_t have = text.size();
    text.resize(have + std::max(kLineBufferBytes, have / 2));
    const std::size_t got = source->read(text.data() + have, text.size() - have);
    const bool last = got < text.size() - have;
    text.resize(have + got);
    if (text.size() > limit_bytes)
      throw Error(ErrorCode::unsupported,
                  fmt::format("[data] {}: it has more than {} bytes of text; cut it into several",
                              file.path.string(), limit_bytes));
    if (last) return text;
  }
}

LineReader::LineReader(const TextFile& file)
    : path_(file.path), source_(ByteSource::open(file)), buffer_(kLineBufferBytes, '\0') {}

bool LineReader::refill() {
  next_ = 0;
  end_ = source_->read(buffer_.data(), buffer_.size());
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

#include "cli/tokenizer/npy.h"

#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "data/text_files.h"

namespace stemma::cli {
namespace {

static_assert(std::endian::native == std::endian::little, "ids are copied as they lie");

constexpr std::string_view kMagic("\x93NUMPY\x01\x00", 8);
constexpr std::size_t kAlignment = 64;
constexpr std::size_t kLongestHeader = 1024;
constexpr std::uint64_t kMostIds = 1'000'000'000'000'000;  // eight bytes each fit 64 bits

template <class T>
std::vector<std::int32_t> convert(std::string_view data, const std::string& name) {
  std::vector<std::int32_t> ids(data.size() / sizeof(T));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    T value;
    std::memcpy(&value, data.data() + i * sizeof(T), sizeof(T));
    if (!std::in_range<std::int32_t>(value) || std::cmp_less(value, 0))
      throw Error(ErrorCode::corrupt,
                  fmt::format("[npy] {}: element {} is {}, which is no token id", name, i, value));
    ids[i] = static_cast<std::int32_t>(value);
  }
  return ids;
}

struct Header {
  std::string type;
  std::uint64_t count = 0;
  std::size_t data_begin = 0;
};

Header parse_header(std::string_view file, const std::string& name) {
  if (file.size() < 10 || !file.starts_with(kMagic.substr(0, 6)))
    throw Error(ErrorCode::corrupt, fmt::format("[npy] {} is no .npy file", name));
  const auto byte = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(file[i]));
  };
  const std::size_t size = byte(8) + 256 * byte(9);
  if (file[6] != 1 || size > kLongestHeader)
    throw Error(ErrorCode::unsupported,
                fmt::format("[npy] {}: only version 1.0 of the format is read", name));
  if (file.size() < 10 + size)
    throw Error(ErrorCode::corrupt, fmt::format("[npy] {} ends inside its header", name));
  // numpy writes these keys in this order.
  std::string_view rest = file.substr(10, size);
  const auto take = [&](std::string_view word) {
    const bool there = rest.starts_with(word);
    if (there) rest.remove_prefix(word.size());
    return there;
  };
  Header header;
  header.data_begin = 10 + size;
  bool known = take("{'descr': '");
  for (const char* type : {"<u2", "<u4", "<i4", "<i8"})
    if (header.type.empty() && take(type)) header.type = type;
  known = known && !header.type.empty() && take("', 'fortran_order': ") &&
          (take("False") || take("True")) && take(", 'shape': (");
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), header.count);
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  if (!known || error != std::errc() || header.count > kMostIds || !take(",), }") ||
      rest.find_first_not_of(" \n") != std::string_view::npos)
    throw Error(ErrorCode::unsupported,
                fmt::format("[npy] {} must hold one row of u16, u32, i32 or i64 (numpy.save of "
                            "ids.astype('<u4')), got another type or shape",
                            name));
  return header;
}

void write_array(AtomicFile& file, std::string_view type, std::string_view shape,
                 std::span<const std::byte> data) {
  std::string dictionary =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", type, shape);
  const std::size_t unpadded = kMagic.size() + 2 + dictionary.size() + 1;
  dictionary.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  dictionary += '\n';
  file.write(kMagic);
  const char size[2] = {static_cast<char>(dictionary.size() & 0xFF),
                        static_cast<char>(dictionary.size() >> 8)};
  file.write(std::string_view(size, 2));
  file.write(dictionary);
  file.write(data);
}

std::vector<std::int32_t> ids_of(std::string_view text, const std::string& name) {
  const Header header = parse_header(text, name);
  const std::string_view data = text.substr(header.data_begin);
  const std::size_t width = header.type == "<u2" ? 2 : header.type == "<i8" ? 8 : 4;
  if (data.size() != header.count * width)
    throw Error(ErrorCode::corrupt,
                fmt::format("[npy] {} must have {} bytes after its header, has {}", name,
                            header.count * width, data.size()));
  if (header.type == "<u2") return convert<std::uint16_t>(data, name);
  if (header.type == "<u4") return convert<std::uint32_t>(data, name);
  if (header.type == "<i4") return convert<std::int32_t>(data, name);
  return convert<std::int64_t>(data, name);
}

}  // namespace

void write_ids(AtomicFile& file, std::span<const std::int32_t> ids) {
  write_array(file, "<u4", fmt::format("({},)", ids.size()), std::as_bytes(ids));
}

void write_ranges(AtomicFile& file, std::span<const ByteRange> ranges) {
  static_assert(sizeof(ByteRange) == 16 && std::is_standard_layout_v<ByteRange>);
  write_array(file, "<u8", fmt::format("({}, 2)", ranges.size()), std::as_bytes(ranges));
}

std::vector<std::int32_t> read_ids(const std::filesystem::path& path) {
  std::error_code ignored;
  if (path == "-" ||
      (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored)))
    return ids_of(read_pipe(path), path.string());
  return ids_of(MappedFile(path).text(), path.string());
}

}  // namespace stemma::cli

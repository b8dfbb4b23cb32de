#include "checkpoint/safetensors.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/placeholder.h"

namespace stemma::checkpoint {
namespace {

[[noreturn]] void fail(std::string_view where, const std::string& what) {
  throw Error(ErrorCode::corrupt,
              fmt::format("[safetensors] {}: {}; the file is damaged or was cut short: write or "
                          "fetch it again",
                          where, what));
}

// The JSON text of the header, after the checks of its length.
std::string_view header_text(std::span<const std::byte> file, std::string_view where) {
  const std::string_view begin(reinterpret_cast<const char*>(file.data()),
                               std::min<std::size_t>(file.size(), 256));
  if (const std::string what = placeholder_of(begin); !what.empty())
    throw Error(ErrorCode::corrupt, fmt::format("[safetensors] {} is {}", where, what));
  if (begin.starts_with('{') || begin.starts_with("\x1F\x8B"))
    throw Error(ErrorCode::corrupt,
                fmt::format("[safetensors] {} is {}", where,
                            begin.starts_with('{')
                                ? "JSON text, not weights (often the error message of a download): "
                                  "fetch it again"
                                : "compressed with gzip: decompress it first (gunzip)"));
  if (file.size() < 8)
    fail(where,
         fmt::format("a safetensors file has at least 8 bytes, this one has {}", file.size()));
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  if (length > kMaxHeaderBytes)
    fail(where,
         fmt::format("the header claims {} bytes, the limit is {}", length, kMaxHeaderBytes));
  if (length > file.size() - 8)
    fail(where, fmt::format("the header claims {} bytes, the file has {} after its first 8", length,
                            file.size() - 8));
  return {reinterpret_cast<const char*>(file.data()) + 8, length};
}

class HeaderParser {
 public:
  HeaderParser(std::string_view where, std::uint64_t data_bytes)
      : where_(where), data_bytes_(data_bytes) {}

  StoredTensor tensor(const std::string& name, const Json& entry) const {
    if (!entry.is_object()) fail(where_, fmt::format("tensor {}: not an object", in_quotes(name)));
    StoredTensor tensor;
    tensor.name = name;
    tensor.type = type(name, entry.find("dtype"));
    tensor.shape = integers(name, "shape", entry.find("shape"));
    const auto range = integers(name, "data_offsets", entry.find("data_offsets"));
    if (range.size() != 2)
      fail(where_, fmt::format("tensor {}: data_offsets must be [begin, end], it has {} numbers",
                               in_quotes(name), range.size()));
    tensor.begin_byte = static_cast<std::uint64_t>(range[0]);
    tensor.end_byte = static_cast<std::uint64_t>(range[1]);
    check_range(tensor);
    return tensor;
  }

  // The ranges, ordered by their begin, must follow each other from 0 to the end of the file.
  void check_cover(const std::vector<StoredTensor>& tensors) const {
    std::uint64_t at = 0;
    for (const StoredTensor& t : tensors) {
      if (t.begin_byte < at)
        fail(where_, fmt::format("tensor {}: its bytes [{}, {}) overlap those of the tensor before "
                                 "it, which end at {}",
                                 in_quotes(t.name), t.begin_byte, t.end_byte, at));
      if (t.begin_byte > at)
        fail(where_, fmt::format("tensor {}: a hole of {} bytes before its bytes [{}, {})",
                                 in_quotes(t.name), t.begin_byte - at, t.begin_byte, t.end_byte));
      at = t.end_byte;
    }
    if (at != data_bytes_)
      fail(where_, fmt::format("{} bytes at the end belong to no tensor", data_bytes_ - at));
  }

 private:
  StoredType type(const std::string& name, const Json* value) const {
    if (!value || !value->is_string())
      fail(where_, fmt::format("tensor {}: dtype is missing or not a string", in_quotes(name)));
    const auto type = stored_type(value->as_string());
    if (!type)
      fail(where_, fmt::format("tensor {}: unknown dtype {}", in_quotes(name),
                               in_quotes(value->as_string())));
    return *type;
  }

  std::vector<std::int64_t> integers(const std::string& name, std::string_view key,
                                     const Json* value) const {
    if (!value || !value->is_array())
      fail(where_, fmt::format("tensor {}: {} is missing or not a list", in_quotes(name), key));
    std::vector<std::int64_t> numbers;
    for (const Json& item : value->as_array()) {
      if (!item.is_int() || item.as_int() < 0)
        fail(where_, fmt::format("tensor {}: {} must hold integers from 0 to 2^63 - 1, it has {}",
                                 in_quotes(name), key, in_quotes(item.dump())));
      numbers.push_back(item.as_int());
    }
    return numbers;
  }

  void check_range(const StoredTensor& t) const {
    std::uint64_t bits = bits_of(t.type);
    bool overflow = false;
    for (const std::int64_t dim : t.shape)
      overflow |= __builtin_mul_overflow(bits, static_cast<std::uint64_t>(dim), &bits);
    if (overflow)
      fail(where_, fmt::format("tensor {}: shape {} is larger than any file", in_quotes(t.name),
                               shape_text(t.shape)));
    if (t.begin_byte > t.end_byte || t.end_byte > data_bytes_)
      fail(where_, fmt::format("tensor {}: its bytes [{}, {}) do not lie in the {} bytes of data "
                               "that the file has",
                               in_quotes(t.name), t.begin_byte, t.end_byte, data_bytes_));
    if (bits % 8 != 0 || bits / 8 != t.end_byte - t.begin_byte)
      fail(where_, fmt::format("tensor {}: shape {} of {} needs {} bits, its byte range [{}, {}) "
                               "has {} bytes",
                               in_quotes(t.name), shape_text(t.shape), to_string(t.type), bits,
                               t.begin_byte, t.end_byte, t.end_byte - t.begin_byte));
  }

  std::string_view where_;
  std::uint64_t data_bytes_;
};

Metadata parse_metadata(const Json& value, std::string_view where) {
  if (!value.is_object()) fail(where, "__metadata__ is not an object");
  Metadata metadata;
  for (const auto& [key, text] : value.as_object()) {
    if (!text.is_string())
      fail(where, fmt::format("__metadata__ key {} is not a string", in_quotes(key)));
    metadata.emplace_back(key, text.as_string());
  }
  return metadata;
}

Shape to_shape(const std::vector<std::int64_t>& d) {
  switch (d.size()) {
    case 0:
      return Shape{};
    case 1:
      return Shape{d[0]};
    case 2:
      return Shape{d[0], d[1]};
    case 3:
      return Shape{d[0], d[1], d[2]};
    default:
      return Shape{d[0], d[1], d[2], d[3]};
  }
}

}  // namespace

std::uint64_t StoredTensor::elements() const { return (end_byte - begin_byte) * 8 / bits_of(type); }

SafetensorsHeader parse_safetensors(std::span<const std::byte> file, std::string_view where) {
  const std::string_view text = header_text(file, where);
  SafetensorsHeader header;
  header.data_begin = 8 + text.size();
  const Json json = Json::parse(text, fmt::format("{} (header)", where));
  if (!json.is_object()) fail(where, "the header is not a JSON object");

  const HeaderParser parser(where, file.size() - header.data_begin);
  for (const auto& [name, entry] : json.as_object()) {
    if (name == "__metadata__")
      header.metadata = parse_metadata(entry, where);
    else
      header.tensors.push_back(parser.tensor(name, entry));
  }
  std::sort(header.tensors.begin(), header.tensors.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin_byte, a.end_byte) < std::pair(b.begin_byte, b.end_byte);
  });
  parser.check_cover(header.tensors);
  return header;
}

SafetensorsReader::SafetensorsReader(const std::filesystem::path& path)
    : path_(path),
      file_(std::make_shared<const MappedFile>(path)),
      header_(parse_safetensors(file_->bytes(), path.string())) {
  for (std::size_t i = 0; i < header_.tensors.size(); ++i)
    index_.emplace(header_.tensors[i].name, i);
}

const StoredTensor* SafetensorsReader::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &header_.tensors[found->second];
}

const StoredTensor& SafetensorsReader::at(std::string_view name) const {
  if (const StoredTensor* tensor = find(name)) return *tensor;
  throw Error(ErrorCode::not_found, fmt::format("[safetensors] {}: there is no tensor {} in it",
                                                path_.string(), in_quotes(name)));
}

std::span<const std::byte> SafetensorsReader::bytes(const StoredTensor& tensor) const {
  return file_->bytes().subspan(header_.data_begin + tensor.begin_byte,
                                tensor.end_byte - tensor.begin_byte);
}

void SafetensorsReader::require_readable(const StoredTensor& tensor) const {
  if (!converts_to_f32(tensor.type))
    throw Error(ErrorCode::unsupported,
                fmt::format("[safetensors] {}: tensor {} is {}, which cannot be read as f32; "
                            "convert the file to F32, BF16 or F16",
                            path_.string(), in_quotes(tensor.name), to_string(tensor.type)));
  if (tensor.shape.size() > 4)
    throw Error(ErrorCode::unsupported,
                fmt::format("[safetensors] {}: tensor {} has {} dimensions, at most 4 can be read",
                            path_.string(), in_quotes(tensor.name), tensor.shape.size()));
}

Tensor SafetensorsReader::read_as(DType type, const StoredTensor& tensor, Memory memory) const {
  const std::span<const std::byte> raw = bytes(tensor);
  const Shape shape = to_shape(tensor.shape);
  const bool aligned = reinterpret_cast<std::uintptr_t>(raw.data()) % size_of(type) == 0;
  if (memory == Memory::shared && aligned && !raw.empty()) {
    // Storage is untyped and writable; the contract of Memory::shared is what forbids writing.
    auto* data = const_cast<std::byte*>(raw.data());
    return Tensor::in(StorageRef(borrow(data, raw.size(), file_)), 0, shape, type);
  }
  Tensor values = Tensor::empty(shape, type);
  if (!raw.empty()) std::memcpy(values.raw(), raw.data(), raw.size());
  return values;
}

Tensor SafetensorsReader::read(const StoredTensor& tensor, Memory memory) const {
  require_readable(tensor);
  if (tensor.type == StoredType::f32) return read_as(DType::f32, tensor, memory);
  Tensor values = Tensor::empty(to_shape(tensor.shape), DType::f32);
  to_f32(tensor.type, bytes(tensor),
         {values.data<float>(), static_cast<std::size_t>(tensor.elements())});
  return values;
}

Tensor SafetensorsReader::read_stored(const StoredTensor& tensor, Memory memory) const {
  if (tensor.type != StoredType::bf16 && tensor.type != StoredType::f16)
    return read(tensor, memory);
  require_readable(tensor);
  return read_as(tensor.type == StoredType::bf16 ? DType::bf16 : DType::f16, tensor, memory);
}

std::string shape_text(std::span<const std::int64_t> shape) {
  constexpr std::size_t kShown = 8;
  const auto shown = shape.first(std::min(shape.size(), kShown));
  return fmt::format("[{}{}]", fmt::join(shown, ", "), shape.size() > kShown ? ", ..." : "");
}

std::string in_quotes(std::string_view name) {
  constexpr std::size_t kShown = 120;
  std::string text = "'";
  for (const char c : name.substr(0, kShown))
    text += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  return text + (name.size() > kShown ? "...'" : "'");
}

}  // namespace stemma::checkpoint

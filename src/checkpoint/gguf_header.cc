#include "checkpoint/gguf_header.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "base/error.h"
#include "base/placeholder.h"
#include "checkpoint/safetensors.h"

namespace stemma::checkpoint {
namespace {

constexpr std::uint64_t kDefaultAlignment = 32;
constexpr std::uint64_t kMostDimensions = 4;
// The smallest that the file can hold one in: what a claimed count is measured with.
constexpr std::uint64_t kLeastKeyBytes = 8 + 4 + 1;             // empty name, type, one byte
constexpr std::uint64_t kLeastTensorBytes = 8 + 4 + 8 + 4 + 8;  // empty name, one dimension

[[noreturn]] void refuse_damaged(std::string_view where, const std::string& what) {
  throw Error(ErrorCode::corrupt,
              fmt::format("[gguf] {}: {}; the file is damaged or was cut short: "
                          "write or fetch it again",
                          where, what));
}

[[noreturn]] void refuse_unsupported(std::string_view where, const std::string& what,
                                     std::string_view advice) {
  throw Error(ErrorCode::unsupported, fmt::format("[gguf] {}: {}; {}", where, what, advice));
}

// Takes bytes from the front of the file. `what` names the thing under way in errors.
class GgufCursor {
 public:
  GgufCursor(std::span<const std::byte> file, std::string_view where)
      : file_(file), where_(where) {}

  std::uint64_t position() const { return position_; }
  std::uint64_t left() const { return file_.size() - position_; }

  std::span<const std::byte> take(std::uint64_t bytes, std::string_view what) {
    if (bytes > left())
      refuse_damaged(where_, fmt::format("{} needs {} bytes at byte {}, where the file has {} left",
                                         what, bytes, position_, left()));
    const auto taken = file_.subspan(position_, bytes);
    position_ += bytes;
    return taken;
  }

  // Up to so many bytes that come next, which stay to be taken.
  std::span<const std::byte> peek(std::uint64_t bytes) const {
    return file_.subspan(position_, std::min(bytes, left()));
  }

  template <class T>
  T number(std::string_view what) {
    T value;
    std::memcpy(&value, take(sizeof value, what).data(), sizeof value);
    return value;
  }

  std::span<const std::byte> string(std::string_view what) {
    return take(number<std::uint64_t>(what), what);
  }

  // A count of things of at least `least_bytes` each.
  std::uint64_t count(std::uint64_t least_bytes, std::string_view what) {
    const auto claimed = number<std::uint64_t>(what);
    check_count(claimed, least_bytes, what);
    return claimed;
  }

  void check_count(std::uint64_t claimed, std::uint64_t least_bytes, std::string_view what) const {
    if (claimed > left() / least_bytes)
      refuse_damaged(where_,
                     fmt::format("{} claims {}, for which the {} bytes that are left in the "
                                 "file have no room",
                                 what, claimed, left()));
  }

 private:
  std::span<const std::byte> file_;
  std::string_view where_;
  std::uint64_t position_ = 0;
};

std::string_view text_in(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class GgufParser {
 public:
  GgufParser(std::span<const std::byte> file, std::string_view where)
      : file_(file), where_(where), cursor_(file, where) {
    header_.metadata = GgufMetadata(std::string(where));
  }

  GgufHeader parse() {
    read_version();
    const auto tensors = cursor_.number<std::uint64_t>("the number of tensors");
    const auto keys = cursor_.count(kLeastKeyBytes, "the number of metadata keys");
    cursor_.check_count(tensors, kLeastTensorBytes, "the number of tensors");
    for (std::uint64_t i = 0; i < keys; ++i) read_key();
    read_alignment();
    cursor_.check_count(tensors, kLeastTensorBytes, "the number of tensors");
    std::vector<Claim> claims;
    for (std::uint64_t i = 0; i < tensors; ++i) claims.push_back(read_claim());
    place(claims);
    check_names();
    check_overlaps();
    return std::move(header_);
  }

 private:
  // A tensor as the file claims it.
  struct Claim {
    std::string_view name;
    std::uint64_t rank = 0;
    std::array<std::uint64_t, kMostDimensions> sizes{};  // innermost first
    const BlockType* type = nullptr;
    std::uint64_t offset = 0;
  };

  [[noreturn]] void damaged(const std::string& what) const { refuse_damaged(where_, what); }

  void read_version() {
    if (const std::string what = placeholder_of(text_in(cursor_.peek(256))); !what.empty())
      throw Error(ErrorCode::corrupt, fmt::format("[gguf] {} is {}", where_, what));
    if (text_in(cursor_.take(4, "a GGUF file")) != "GGUF")
      throw Error(ErrorCode::corrupt,
                  fmt::format("[gguf] {}: a GGUF file begins with the letters GGUF, this one does "
                              "not; of a model in a folder, name the folder",
                              where_));
    const auto version = cursor_.number<std::uint32_t>("the version");
    if (version == __builtin_bswap32(2) || version == __builtin_bswap32(3))
      refuse_unsupported(where_, "it is big endian, only little endian is read",
                         "convert the model again on a little-endian machine");
    if (version != 2 && version != 3)
      refuse_unsupported(where_,
                         fmt::format("it has version {} of the format, 2 and 3 are read", version),
                         "convert the model again with a current converter of llama.cpp");
    header_.version = version;
  }

  GgufType read_type(const std::string& what) {
    const auto number = cursor_.number<std::uint32_t>(what);
    if (number >= kGgufTypes)
      damaged(fmt::format("{} has the value type {}, the types are 0 to {}", what, number,
                          kGgufTypes - 1));
    return static_cast<GgufType>(number);
  }

  void read_key() {
    const auto key = text_in(cursor_.string("the name of a metadata key"));
    const std::string what = fmt::format("metadata key {}", in_quotes(key));
    GgufValue value;
    value.type = read_type(what);
    if (value.type == GgufType::array)
      read_array(value, what);
    else if (value.type == GgufType::string)
      value.bytes = cursor_.string(what);
    else
      value.bytes = cursor_.take(bytes_of(value.type), what);
    check_booleans(value, what);
    if (!header_.metadata.add(key, value)) damaged(fmt::format("{} is there twice", what));
  }

  void read_array(GgufValue& value, const std::string& what) {
    value.is_array = true;
    value.type = read_type(what);
    if (value.type == GgufType::array)
      refuse_unsupported(where_, fmt::format("{} is an array of arrays", what),
                         "only arrays of numbers, bools and strings are read: remove the key");
    const bool strings = value.type == GgufType::string;
    value.count = cursor_.count(strings ? 8 : bytes_of(value.type), what);
    if (!strings) {
      value.bytes = cursor_.take(value.count * bytes_of(value.type), what);
      return;
    }
    const std::uint64_t begin = cursor_.position();
    for (std::uint64_t i = 0; i < value.count; ++i) cursor_.string(what);
    value.bytes = file_.subspan(begin, cursor_.position() - begin);
  }

  void check_booleans(const GgufValue& value, const std::string& what) const {
    if (value.type != GgufType::boolean) return;
    for (const std::byte b : value.bytes)
      if (std::to_integer<int>(b) > 1)
        damaged(fmt::format("{} must hold the bools 0 and 1, it has {}", what,
                            std::to_integer<int>(b)));
  }

  void read_alignment() {
    const auto alignment =
        header_.metadata.integer("general.alignment", static_cast<std::int64_t>(kDefaultAlignment));
    if (alignment <= 0 || !std::has_single_bit(static_cast<std::uint64_t>(alignment)))
      damaged(fmt::format("general.alignment must be a power of two, it is {}", alignment));
    header_.alignment = static_cast<std::uint64_t>(alignment);
  }

  Claim read_claim() {
    Claim claim;
    claim.name = text_in(cursor_.string("the name of a tensor"));
    const std::string what = fmt::format("tensor {}", in_quotes(claim.name));
    claim.rank = cursor_.number<std::uint32_t>(what);
    if (claim.rank == 0 || claim.rank > kMostDimensions)
      damaged(fmt::format("{} must have 1 to {} dimensions, it has {}", what, kMostDimensions,
                          claim.rank));
    for (std::uint64_t i = 0; i < claim.rank; ++i)
      claim.sizes[i] = cursor_.number<std::uint64_t>(what);
    const auto type = cursor_.number<std::uint32_t>(what);
    claim.type = block_type(type);
    if (!claim.type)
      refuse_unsupported(where_,
                         fmt::format("{} is of type {}, which is not known here", what, type),
                         fmt::format("quantise the model to one of {}", readable_block_types()));
    claim.offset = cursor_.number<std::uint64_t>(what);
    return claim;
  }

  // The list of tensors has been read: their bytes begin at the next multiple of the alignment.
  void place(const std::vector<Claim>& claims) {
    if (claims.empty()) return;
    const std::uint64_t over = cursor_.position() % header_.alignment;
    const std::uint64_t padding = over ? header_.alignment - over : 0;
    if (padding > cursor_.left())
      damaged(fmt::format("with general.alignment {} its tensors begin after its end",
                          header_.alignment));
    data_begin_ = cursor_.position() + padding;
    for (const Claim& claim : claims) header_.tensors.push_back(placed(claim));
  }

  GgufTensor placed(const Claim& claim) const {
    const BlockType& type = *claim.type;
    const std::uint64_t data_bytes = file_.size() - data_begin_;
    const std::string what = fmt::format("tensor {}", in_quotes(claim.name));
    if (claim.offset % header_.alignment != 0)
      damaged(fmt::format("{} begins at {}, which is no multiple of the alignment {}", what,
                          claim.offset, header_.alignment));
    const std::uint64_t bytes = bytes_of_claim(claim, what);
    if (claim.offset > data_bytes || bytes > data_bytes - claim.offset)
      damaged(fmt::format("{} of type {} has {} bytes from {} on, the file has {} bytes of tensors",
                          what, type.name, bytes, claim.offset, data_bytes));
    GgufTensor tensor;
    tensor.name = claim.name;
    tensor.shape = shape_of_claim(claim);
    tensor.type = claim.type;
    tensor.begin_byte = data_begin_ + claim.offset;
    tensor.end_byte = tensor.begin_byte + bytes;
    return tensor;
  }

  std::uint64_t bytes_of_claim(const Claim& claim, const std::string& what) const {
    const BlockType& type = *claim.type;
    const auto sizes = std::span(claim.sizes).first(claim.rank);
    if (std::ranges::find(sizes, 0u) != sizes.end())
      damaged(fmt::format("{} has the sizes [{}], none may be 0", what, fmt::join(sizes, ", ")));
    if (sizes[0] % type.elements != 0)
      damaged(
          fmt::format("{} has rows of {}, which is no multiple of the {} elements of a block of "
                      "type {}",
                      what, sizes[0], type.elements, type.name));
    std::uint64_t elements = 1, bytes = 0;
    bool overflow = false;
    for (const std::uint64_t size : sizes)
      overflow |= __builtin_mul_overflow(elements, size, &elements);
    overflow |= __builtin_mul_overflow(elements / type.elements, type.bytes, &bytes);
    if (overflow)
      damaged(fmt::format("{} has the sizes [{}], which is larger than any file", what,
                          fmt::join(sizes, ", ")));
    return bytes;
  }

  // For a claim whose bytes lie in the file: its elements are then at most eight for each byte.
  static Shape shape_of_claim(const Claim& claim) {
    std::array<std::int64_t, kMostDimensions> d{};
    for (std::size_t i = 0; i < d.size(); ++i) d[i] = static_cast<std::int64_t>(claim.sizes[i]);
    switch (claim.rank) {
      case 1:
        return Shape{d[0]};
      case 2:
        return Shape{d[1], d[0]};
      case 3:
        return Shape{d[2], d[1], d[0]};
      default:
        return Shape{d[3], d[2], d[1], d[0]};
    }
  }

  void check_names() const {
    std::vector<std::string_view> names;
    names.reserve(header_.tensors.size());
    for (const GgufTensor& tensor : header_.tensors) names.push_back(tensor.name);
    std::ranges::sort(names);
    const auto twice = std::ranges::adjacent_find(names);
    if (twice != names.end()) damaged(fmt::format("tensor {} is there twice", in_quotes(*twice)));
  }

  void check_overlaps() const {
    std::vector<const GgufTensor*> by_begin;
    by_begin.reserve(header_.tensors.size());
    for (const GgufTensor& tensor : header_.tensors) by_begin.push_back(&tensor);
    std::ranges::sort(by_begin, {}, &GgufTensor::begin_byte);
    for (std::size_t i = 1; i < by_begin.size(); ++i)
      if (by_begin[i]->begin_byte < by_begin[i - 1]->end_byte)
        damaged(fmt::format("the bytes of tensor {} overlap those of tensor {}",
                            in_quotes(by_begin[i]->name), in_quotes(by_begin[i - 1]->name)));
  }

  std::span<const std::byte> file_;
  std::string_view where_;
  GgufCursor cursor_;
  std::uint64_t data_begin_ = 0;
  GgufHeader header_;
};

}  // namespace

GgufHeader parse_gguf(std::span<const std::byte> file, std::string_view where) {
  return GgufParser(file, where).parse();
}

}  // namespace stemma::checkpoint

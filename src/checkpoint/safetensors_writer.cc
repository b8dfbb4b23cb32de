#include "checkpoint/safetensors_writer.h"

#include <algorithm>
#include <cstring>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "checkpoint/transpose.h"

namespace stemma::checkpoint {
namespace {

constexpr std::size_t kHeaderAlignment = 64;

StoredType stored_type_of(DType type) {
  switch (type) {
    case DType::f32:
      return StoredType::f32;
    case DType::bf16:
      return StoredType::bf16;
    case DType::f16:
      return StoredType::f16;
    case DType::f64:
      return StoredType::f64;
    case DType::i32:
      return StoredType::i32;
  }
  throw Error(ErrorCode::internal, "[safetensors] unknown element type");
}

std::vector<std::int64_t> written_shape(const NamedTensor& item) {
  std::vector<std::int64_t> shape;
  for (int i = 0; i < item.tensor.shape().rank(); ++i) shape.push_back(item.tensor.dim(i));
  if (item.transposed) std::swap(shape[0], shape[1]);
  return shape;
}

void check_writable(std::span<const NamedTensor> tensors) {
  std::set<std::string_view> names;
  for (const NamedTensor& item : tensors) {
    if (item.name.empty() || item.name == "__metadata__" || !names.insert(item.name).second)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[safetensors] a tensor needs a name of its own, got {}",
                              in_quotes(item.name)));
    const Tensor& t = item.tensor;
    if (!t || (item.transposed && (t.shape().rank() != 2 || t.dtype() != DType::f32)))
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[safetensors] tensor {} {}", in_quotes(item.name),
                              t ? "must be an f32 matrix to be written transposed" : "is empty"));
  }
}

// Wider types first, so that each begins at a multiple of its size.
std::vector<const NamedTensor*> file_order(std::span<const NamedTensor> tensors) {
  std::vector<const NamedTensor*> order;
  for (const NamedTensor& item : tensors) order.push_back(&item);
  std::stable_sort(order.begin(), order.end(), [](const NamedTensor* a, const NamedTensor* b) {
    return size_of(a->tensor.dtype()) > size_of(b->tensor.dtype());
  });
  return order;
}

std::string header_of(const std::vector<const NamedTensor*>& order, const Metadata& metadata) {
  // Member by member: Json::set() would search all names for each.
  std::string text = "{";
  const auto add = [&](const std::string& key, const Json& value) {
    if (text.size() > 1) text += ',';
    text += Json(key).dump() + ':' + value.dump();
  };
  if (!metadata.empty()) {
    Json values = Json::object();
    for (const auto& [key, value] : metadata) values.set(key, value);
    add("__metadata__", values);
  }
  std::int64_t at = 0;
  for (const NamedTensor* item : order) {
    const DType type = item->tensor.dtype();
    const std::int64_t end =
        at + item->tensor.elements() * static_cast<std::int64_t>(size_of(type));
    Json::Array dims;
    for (const std::int64_t dim : written_shape(*item)) dims.emplace_back(dim);
    add(item->name, Json::object({{"dtype", to_string(stored_type_of(type))},
                                  {"shape", std::move(dims)},
                                  {"data_offsets", Json::array({at, end})}}));
    at = end;
  }
  text += '}';
  const std::size_t padded =
      (text.size() + 8 + kHeaderAlignment - 1) / kHeaderAlignment * kHeaderAlignment - 8;
  text.resize(padded, ' ');
  return text;
}

// Calls block(bytes) for the written form of a tensor, piece by piece in order.
template <class Block>
void for_each_block(const NamedTensor& item, Block&& block) {
  const Tensor& t = item.tensor;
  const std::size_t size = size_of(t.dtype());
  const auto* data = static_cast<const std::byte*>(t.raw());
  if (t.elements() == 0) return;
  if (item.transposed) {
    constexpr std::int64_t kRows = 64;
    const std::int64_t rows = t.rows(), cols = t.cols();
    std::vector<float> buffer(static_cast<std::size_t>(kRows * rows));
    for (std::int64_t begin = 0; begin < cols; begin += kRows) {
      const std::int64_t end = std::min(cols, begin + kRows);
      transpose(t, begin, end, buffer.data());
      block(std::as_bytes(std::span(buffer).first(static_cast<std::size_t>((end - begin) * rows))));
    }
  } else if (t.contiguous()) {
    block(std::span(data, static_cast<std::size_t>(t.elements()) * size));
  } else {
    for (std::int64_t row = 0; row < t.rows(); ++row)
      block(std::span(data + static_cast<std::size_t>(row * t.row_stride()) * size,
                      static_cast<std::size_t>(t.cols()) * size));
  }
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                       const Metadata& metadata) {
  check_writable(tensors);
  const auto order = file_order(tensors);
  const std::string header = header_of(order, metadata);
  if (header.size() > kMaxHeaderBytes)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[safetensors] {}: the header would have {} bytes, the limit is {}; "
                            "write several files",
                            path.string(), header.size(), kMaxHeaderBytes));
  AtomicFile file(path);
  const std::uint64_t length = header.size();
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(header);
  for (const NamedTensor* item : order)
    for_each_block(*item, [&](std::span<const std::byte> bytes) { file.write(bytes); });
  file.commit();
}

void verify_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors) {
  const SafetensorsReader file(path);
  const auto fail = [&](const NamedTensor& item) {
    throw Error(ErrorCode::device,
                fmt::format("[safetensors] {}: tensor {} reads back differently from what was "
                            "written; check the disk and write the file again",
                            path.string(), in_quotes(item.name)));
  };
  for (const NamedTensor& item : tensors) {
    const StoredTensor* stored = file.find(item.name);
    if (!stored || stored->type != stored_type_of(item.tensor.dtype()) ||
        stored->shape != written_shape(item))
      fail(item);
    std::span<const std::byte> rest = file.bytes(*stored);
    for_each_block(item, [&](std::span<const std::byte> bytes) {
      if (std::memcmp(rest.data(), bytes.data(), bytes.size()) != 0) fail(item);
      rest = rest.subspan(bytes.size());
    });
    file.forget(*stored);
  }
}

}  // namespace stemma::checkpoint

#include "tensor/tensor.h"

#include <cstring>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma {

std::string_view to_string(DType type) {
  switch (type) {
    case DType::f32:
      return "f32";
    case DType::bf16:
      return "bf16";
    case DType::f16:
      return "f16";
    case DType::f64:
      return "f64";
    case DType::i32:
      return "i32";
  }
  return "unknown";
}

Shape::Shape(std::initializer_list<std::int64_t> dims) {
  if (dims.size() > dims_.size())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[shape] a tensor has at most 4 dimensions, got {}", dims.size()));
  for (std::int64_t d : dims) dims_[static_cast<std::size_t>(rank_++)] = d;
  std::int64_t product = 1;
  for (std::int64_t d : dims) {
    constexpr std::int64_t kLimit = std::int64_t{1} << 62;
    if (d < 0 || (d > 0 && product > kLimit / d))
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("[shape] sizes must be 0 or more, and at most 2^62 elements in all, got {}",
                      to_string()));
    product *= d;
  }
}

std::int64_t Shape::elements() const {
  std::int64_t product = 1;
  for (int i = 0; i < rank_; ++i) product *= dims_[static_cast<std::size_t>(i)];
  return product;
}

std::string Shape::to_string() const {
  std::string text = "[";
  for (int i = 0; i < rank_; ++i)
    text += fmt::format("{}{}", i ? ", " : "", dims_[static_cast<std::size_t>(i)]);
  return text + "]";
}

Tensor Tensor::in(const StorageRef& storage, std::size_t offset_bytes, Shape shape, DType type) {
  const auto elements = static_cast<std::size_t>(shape.elements());
  const std::size_t bytes = storage.get()->bytes;
  if (offset_bytes > bytes || elements > (bytes - offset_bytes) / size_of(type))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[tensor] {} {} at byte {} does not fit in {} bytes of storage",
                            to_string(type), shape.to_string(), offset_bytes, bytes));
  Tensor t;
  t.storage_ = storage;
  t.data_ = storage.get()->data + offset_bytes;
  t.shape_ = shape;
  t.row_stride_ = t.cols();
  t.dtype_ = type;
  return t;
}

Tensor Tensor::empty(Shape shape, DType type, Allocator& allocator) {
  const auto elements = static_cast<std::size_t>(shape.elements());
  if (elements > (std::size_t{1} << 60))
    throw Error(ErrorCode::out_of_memory,
                fmt::format("[tensor] {} elements do not fit in memory", shape.to_string()));
  return in(StorageRef(allocator.allocate(elements * size_of(type))), 0, shape, type);
}

Tensor Tensor::zeros(Shape shape, DType type, Allocator& allocator) {
  Tensor t = empty(shape, type, allocator);
  std::memset(t.data_, 0, static_cast<std::size_t>(shape.elements()) * size_of(type));
  return t;
}

Tensor Tensor::columns(std::int64_t begin, std::int64_t end) const {
  if (begin < 0 || begin > end || end > cols())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[tensor] columns {} to {} do not exist in {}", begin, end,
                            shape_.to_string()));
  Tensor view = *this;
  view.variable_ = 0;
  view.shape_ = {rows(), end - begin};
  view.data_ = static_cast<std::byte*>(data_) + static_cast<std::size_t>(begin) * size_of(dtype_);
  return view;
}

Tensor Tensor::slice_rows(std::int64_t begin, std::int64_t end) const {
  if (shape_.rank() != 2 || begin < 0 || begin > end || end > rows())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[tensor] rows {} to {} do not exist in {}, or it is no matrix", begin,
                            end, shape_.to_string()));
  Tensor view = *this;
  view.variable_ = 0;
  view.shape_ = {end - begin, cols()};
  view.data_ = static_cast<std::byte*>(data_) +
               static_cast<std::size_t>(begin * row_stride_) * size_of(dtype_);
  return view;
}

Tensor Tensor::reshape(Shape shape) const {
  if (!contiguous() || shape.elements() != elements())
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format(
            "[tensor] {} cannot be reshaped to {}: the elements must be as many, and contiguous",
            shape_.to_string(), shape.to_string()));
  Tensor view = *this;
  view.variable_ = 0;
  view.shape_ = shape;
  view.row_stride_ = view.cols();
  return view;
}

void Tensor::check_dtype(DType wanted) const {
  if (dtype_ != wanted)
    throw Error(ErrorCode::internal,
                fmt::format("[tensor] a tensor of {} {} was read as {}", to_string(dtype_),
                            shape_.to_string(), to_string(wanted)));
}

}  // namespace stemma

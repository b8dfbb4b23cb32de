#include "kernels/host.h"

#include <cstring>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::kernels {
namespace {

void require_size(const Tensor& x, std::size_t bytes) {
  const std::size_t wanted = static_cast<std::size_t>(x.elements()) * size_of(x.dtype());
  if (bytes == wanted) return;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[host] {} {} has {} bytes, the host's side has {}", to_string(x.dtype()),
                          x.shape().to_string(), wanted, bytes));
}

// copy(bytes of a row of x, offset of that row on the host's side, count)
template <class Copy>
void for_each_row(const Tensor& x, const Copy& copy) {
  const std::size_t element = size_of(x.dtype());
  const auto bytes = static_cast<std::size_t>(x.cols()) * element;
  auto* const data = static_cast<std::byte*>(x.raw());
  for (std::int64_t row = 0; row < x.rows(); ++row)
    copy(data + static_cast<std::size_t>(row * x.row_stride()) * element,
         static_cast<std::size_t>(row) * bytes, bytes);
}

}  // namespace

double read_scalar(Stream& stream, const Tensor& x) {
  if (!x || x.elements() != 1)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[read_scalar] needs a tensor of one element, got {}",
                            x ? x.shape().to_string() : "nothing"));
  stream.sync();
  if (x.dtype() == DType::f64) return *x.data<double>();
  if (x.dtype() == DType::bf16) return static_cast<double>(to_float(*x.data<bf16>()));
  return static_cast<double>(*x.data<float>());
}

void copy_to_host(Stream& stream, const Tensor& x, std::span<std::byte> to) {
  require_size(x, to.size());
  stream.sync();
  for_each_row(x, [&](const std::byte* row, std::size_t offset, std::size_t bytes) {
    std::memcpy(to.data() + offset, row, bytes);
  });
}

void copy_from_host(Stream& stream, std::span<const std::byte> from, const Tensor& y) {
  require_size(y, from.size());
  stream.sync();
  for_each_row(y, [&](std::byte* row, std::size_t offset, std::size_t bytes) {
    std::memcpy(row, from.data() + offset, bytes);
  });
}

const void* host_memory(Stream& stream, const Tensor& x) {
  stream.sync();
  return x.contiguous() ? x.raw() : nullptr;
}

void require_type(const Tensor& x, DType wanted) {
  if (x.dtype() == wanted) return;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[host] {} {} asked for as {}: convert it first", to_string(x.dtype()),
                          x.shape().to_string(), to_string(wanted)));
}

}  // namespace stemma::kernels

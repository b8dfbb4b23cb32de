// Where values cross between a tensor's memory, which may be a device's, and the host: the value of
// a loss for the log, losses of tokens for an evaluation, logits for a sampler, weights of samples
// for a loss. Everything above kernels/ reads and writes tensors through these few functions, never
// by a pointer.
//
//   const double loss = kernels::read_scalar(stream, loss_tensor);
//   const std::vector<float> row = kernels::to_host<float>(stream, logits.slice_rows(i, i + 1));
//
// Each call waits for the stream: call them at the end of a step, not in the middle. Throw
// invalid_argument for another type or another number of elements.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "device/stream.h"
#include "tensor/tensor.h"

namespace stemma::kernels {

// The value of a tensor with one element, f32, bf16 or f64.
double read_scalar(Stream& stream, const Tensor& x);

// The bytes of all elements, row after row without the gaps of a row stride.
void copy_to_host(Stream& stream, const Tensor& x, std::span<std::byte> to);
void copy_from_host(Stream& stream, std::span<const std::byte> from, const Tensor& y);

// The memory of x where the host can read it as it is: null on another device, or where rows have
// gaps between them.
const void* host_memory(Stream& stream, const Tensor& x);

// Throws invalid_argument where `x` is not of type `wanted`.
void require_type(const Tensor& x, DType wanted);

// The same for values: T is the tensor's element type.
template <class T>
void copy_to_host(Stream& stream, const Tensor& x, std::span<T> to) {
  require_type(x, dtype_of<T>::value);
  copy_to_host(stream, x, std::as_writable_bytes(to));
}
template <class T>
std::vector<T> to_host(Stream& stream, const Tensor& x) {
  std::vector<T> values(static_cast<std::size_t>(x.elements()));
  copy_to_host(stream, x, std::span<T>(values));
  return values;
}

// The values of x: its own memory where the host can read it and its rows have no gaps, otherwise a
// copy in `buffer`. The result may be read until x is released or written to, or `buffer` changed.
template <class T>
std::span<const T> on_host(Stream& stream, const Tensor& x, std::vector<T>& buffer) {
  require_type(x, dtype_of<T>::value);
  if (const void* values = host_memory(stream, x))
    return {static_cast<const T*>(values), static_cast<std::size_t>(x.elements())};
  buffer.resize(static_cast<std::size_t>(x.elements()));
  copy_to_host(stream, x, std::span<T>(buffer));
  return buffer;
}

template <class T>
void copy_from_host(Stream& stream, std::span<const T> from, const Tensor& y) {
  require_type(y, dtype_of<T>::value);
  copy_from_host(stream, std::as_bytes(from), y);
}

}  // namespace stemma::kernels

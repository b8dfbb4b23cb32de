#include "kernels/cpu/kernel_rows.h"

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::kernels::cpu {

void check_matrix(std::string_view kernel, std::string_view name, const Tensor& tensor,
                  std::int64_t rows, std::int64_t cols) {
  if (tensor && tensor.rows() == rows && tensor.cols() == cols) return;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[{}] {} must be [{}, {}], got {}", kernel, name, rows, cols,
                          tensor ? tensor.shape().to_string() : "nothing"));
}

void check_vector(std::string_view kernel, std::string_view name, const Tensor& tensor,
                  std::int64_t elements, DType type) {
  if (tensor && tensor.elements() == elements && tensor.dtype() == type && tensor.contiguous())
    return;
  throw Error(
      ErrorCode::invalid_argument,
      fmt::format(
          "[{}] {} must be [{}] {}, contiguous, got {}", kernel, name, elements, to_string(type),
          tensor ? fmt::format("{} {}", tensor.shape().to_string(), to_string(tensor.dtype()))
                 : "nothing"));
}

void refuse_types(std::string_view kernel, const Tensor& x, const Tensor& y) {
  throw Error(ErrorCode::invalid_argument,
              fmt::format("[{}] no kernel for {} and {}: convert one of them first", kernel,
                          to_string(x.dtype()), to_string(y.dtype())));
}

template <class T>
void add_blocks(Stream& stream, const T* blocks, std::int64_t count, std::int64_t stride,
                const GradientOut& out) {
  constexpr std::int64_t kSlice = 256;
  T* const to = out.tensor.data<T>();
  stream.workers().for_each(out.tensor.elements(), kSlice,
                            [&](std::int64_t begin, std::int64_t end, int /*worker*/) {
                              const FlushDenormals flush;
                              T sum[kSlice] = {};
                              for (std::int64_t b = 0; b < count; ++b)
                                for (std::int64_t c = begin; c < end; ++c)
                                  sum[c - begin] += blocks[b * stride + c];
                              for (std::int64_t c = begin; c < end; ++c)
                                to[c] = out.add ? to[c] + sum[c - begin] : sum[c - begin];
                            });
}

template void add_blocks<float>(Stream&, const float*, std::int64_t, std::int64_t,
                                const GradientOut&);
template void add_blocks<double>(Stream&, const double*, std::int64_t, std::int64_t,
                                 const GradientOut&);

}  // namespace stemma::kernels::cpu

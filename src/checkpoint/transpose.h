// Transposition between our [out, in] matrices and the [in, out] of Hugging Face's Conv1D.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace stemma::checkpoint {

// Rows [begin, end) of the transpose of `matrix` [A, B] f32, written to out [end - begin, A].
void transpose(const Tensor& matrix, std::int64_t begin, std::int64_t end, float* out);

// The whole transpose [B, A] in memory of its own.
Tensor transposed(const Tensor& matrix);

}  // namespace stemma::checkpoint

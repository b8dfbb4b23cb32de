// Tensors of a checkpoint put back into memory: the moments of an optimiser, the state of a hook.
#pragma once

#include <vector>

#include "checkpoint/safetensors_writer.h"

namespace stemma::train {

// Copies the values of `saved` into the tensors of `into`, by name; others are left alone. Throws
// corrupt where one is missing or has another shape.
void put_back(const std::vector<checkpoint::NamedTensor>& saved,
              const std::vector<checkpoint::NamedTensor>& into);

}  // namespace stemma::train

// Makes a low-rank adapter a part of its model's weights: a model folder that needs no adapter.
//
//   merge_adapter({.model = "models/base", .adapter = "runs/lora", .to = "models/mine"});
#pragma once

#include <filesystem>

#include "tensor/dtype.h"

namespace stemma::tasks {

struct MergeOptions {
  std::filesystem::path model, adapter, to;
  DType weights = DType::f32;  // how the new file stores them
};

// Writes the folder: of a task with its head and its description. Throws unsupported: an adapter
// that is no change of weights; a quantised base, whose weights cannot hold the sum. Whether the
// result computes the same is for the caller to check.
void merge_adapter(const MergeOptions& options);

}  // namespace stemma::tasks

// What another program needs to train exactly as a recipe says: the initial weights and the tokens
// of every step, in order.
//
//   trajectory_inputs RECIPE.toml FOLDER
//
// writes FOLDER/initial (a model folder) and FOLDER/tokens.safetensors, all i32: `tokens` [steps,
// batch, T + 1], inputs are the first T, targets the last T; for masked tokens `ids`, `targets`
// (-1: none) and `segments` [steps, batch, T] with padding behind `lengths` [steps, batch], and
// `labels` [steps, batch]. scripts/peers/trajectory.sh and trajectory_mlm.sh use it.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/export.h"
#include "checkpoint/safetensors_writer.h"
#include "train/setup.h"

namespace stemma {
namespace {

using Tensors = std::vector<checkpoint::NamedTensor>;

Tensors masked_of(const train::Setup& setup) {
  const train::Recipe& recipe = setup.recipe;
  const std::int64_t steps = recipe.steps, rows = recipe.batch, length = recipe.sequence_length;
  Tensors all;
  for (const char* name : {"ids", "targets", "segments"})
    all.push_back({name, Tensor::zeros({steps, rows, length}, DType::i32)});
  for (const char* name : {"lengths", "labels"})
    all.push_back({name, Tensor::zeros({steps, rows}, DType::i32)});
  Batch batch;
  for (std::int64_t i = 0; i < steps * rows; ++i) {
    setup.trainer->objective().batches().fill(i, 1, 0, batch);
    std::int32_t* const targets = all[1].tensor.data<std::int32_t>() + i * length;
    std::fill_n(targets, length, -1);
    std::copy(batch.targets.begin(), batch.targets.end(), targets);
    std::copy(batch.ids.begin(), batch.ids.end(), all[0].tensor.data<std::int32_t>() + i * length);
    std::copy(batch.segments.begin(), batch.segments.end(),
              all[2].tensor.data<std::int32_t>() + i * length);
    all[3].tensor.data<std::int32_t>()[i] = static_cast<std::int32_t>(batch.tokens());
    all[4].tensor.data<std::int32_t>()[i] = batch.labels.front();
  }
  return all;
}

Tensor tokens_of(const train::Setup& setup) {
  const train::Recipe& recipe = setup.recipe;
  const std::int64_t length = recipe.sequence_length;
  Tensor tokens = Tensor::empty({recipe.steps, recipe.batch, length + 1}, DType::i32);
  std::int32_t* out = tokens.data<std::int32_t>();
  Batch batch;
  for (std::int64_t i = 0; i < recipe.steps * recipe.batch; ++i) {
    setup.trainer->objective().batches().fill(i, 1, 0, batch);
    for (const std::int32_t id : batch.ids) *out++ = id;
    *out++ = batch.targets.back();
  }
  return tokens;
}

void write_inputs(const std::string& recipe_file, const std::filesystem::path& folder) {
  train::Recipe recipe;
  OptionSet options("train");
  declare(recipe, options);
  options.read_toml(recipe_file);
  const auto setup = train::set_up(recipe, folder / "run", train::Resume::never);
  if (!setup) return;
  const auto weights = setup->trainer->weights();
  checkpoint::export_model(
      folder / "initial",
      {.config = setup->model, .parameters = weights, .tokenizer = setup->tokenizer.get()});
  const Tensors tensors =
      setup->recipe.objective == "mlm" ? masked_of(*setup) : Tensors{{"tokens", tokens_of(*setup)}};
  checkpoint::write_safetensors(folder / "tokens.safetensors", tensors);
}

}  // namespace
}  // namespace stemma

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: trajectory_inputs RECIPE.toml FOLDER\n");
    return 2;
  }
  try {
    stemma::write_inputs(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "trajectory_inputs: %s\n", error.what());
    return 3;
  }
  return 0;
}

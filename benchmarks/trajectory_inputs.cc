// What another program needs to train exactly as a recipe says: the initial weights and the tokens
// of every step, in order.
//
//   trajectory_inputs RECIPE.toml FOLDER
//
// writes FOLDER/initial (a model folder) and FOLDER/tokens.safetensors (`tokens` [steps, batch, T +
// 1] i32; inputs are the first T, targets the last T). scripts/peers/trajectory.sh uses it.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>

#include "checkpoint/export.h"
#include "checkpoint/safetensors_writer.h"
#include "train/setup.h"

namespace stemma {
namespace {

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
  checkpoint::export_model(folder / "initial", {setup->model, weights, setup->tokenizer.get()});
  const checkpoint::NamedTensor tokens{"tokens", tokens_of(*setup)};
  checkpoint::write_safetensors(folder / "tokens.safetensors", {&tokens, 1});
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

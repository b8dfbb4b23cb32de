#include <memory>

#include <fmt/format.h>

#include "checkpoint/safetensors_writer.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "infer/hidden_states.h"

namespace stemma::cli {
namespace {

struct HiddenOptions {
  ModelFlags model;
  std::string ids, segments, output;
  bool json = false;
};

int run_hidden(const HiddenOptions& o) {
  const Batch batch = infer::batch_of_ids(
      parse_ids(o.ids), o.segments.empty() ? std::vector<std::int32_t>() : parse_ids(o.segments));
  const infer::LoadedModel model = infer::LoadedModel::open(o.model.options());
  const checkpoint::NamedTensor hidden{"hidden", infer::hidden_states(model, batch)};
  checkpoint::write_safetensors(o.output, {&hidden, 1});
  Json out = Json::object(
      {{"output", o.output}, {"tokens", hidden.tensor.dim(0)}, {"channels", hidden.tensor.dim(1)}});
  describe(model, o.model, out);
  if (o.json) return print_json(out);
  print(fmt::format("wrote states {} to {}\n", hidden.tensor.shape().to_string(), o.output));
  return interrupted_or_done();
}

}  // namespace

void add_hidden(Program& program) {
  auto o = std::make_shared<HiddenOptions>();
  Command& c = program.add("hidden", "write a model's states for given token ids");
  c.about =
      "Runs one full pass over the ids and writes the tensor `hidden` [T, C] in f32: the states "
      "after the last block and the final norm, of any family. For comparing implementations; "
      "--precision f32 gives the reference values.";
  c.examples = {
      "stemma hidden --model minilm/ --ids 101,7592,102 --precision f32 --output "
      "hidden.safetensors"};
  declare(o->model, c.options);
  c.options.add({"ids", "token ids with commas between them", "101,7592,102"}, o->ids);
  c.options.add(
      {"segments", "the segment of each id, of models that have some; empty: all 0", "0,0,1"},
      o->segments);
  c.options.add_path({"output", "the safetensors file to write", "hidden.safetensors"}, o->output);
  declare_json(o->json, c.options);
  c.required = {"model", "ids", "output"};
  c.run = [o] { return run_hidden(*o); };
}

}  // namespace stemma::cli

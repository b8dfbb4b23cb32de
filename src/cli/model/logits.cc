#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "checkpoint/safetensors_writer.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "infer/forward.h"

namespace stemma::cli {
namespace {

struct LogitsOptions {
  ModelFlags model;
  std::string ids, output;
  bool json = false;
};

// [T, V]: row t scores the token after ids[t]; of a masked-token model the one at t.
Tensor logits_of(const infer::LoadedModel& model, const std::vector<std::int32_t>& ids) {
  const std::int64_t context = model.most_tokens();
  if (ids.empty() || static_cast<std::int64_t>(ids.size()) > context)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[logits] --ids must hold 1 to {} ids (the model's context), got {}",
                            context, ids.size()));
  model.require_token_head("logits");
  return infer::Forward(model).logits(ids);
}

int run_logits(const LogitsOptions& o) {
  const std::vector<std::int32_t> ids = parse_ids(o.ids);
  const infer::LoadedModel model = infer::LoadedModel::open(o.model.options());
  const checkpoint::NamedTensor logits{"logits", logits_of(model, ids)};
  checkpoint::write_safetensors(o.output, {&logits, 1});
  Json out = Json::object({{"output", o.output},
                           {"tokens", logits.tensor.dim(0)},
                           {"vocab_size", logits.tensor.dim(1)}});
  describe(model, o.model, out);
  if (o.json) return print_json(out);
  print(fmt::format("wrote logits {} to {}\n", logits.tensor.shape().to_string(), o.output));
  return interrupted_or_done();
}

}  // namespace

void add_logits(Program& program) {
  auto o = std::make_shared<LogitsOptions>();
  Command& c = program.add("logits", "write a model's logits for given token ids");
  c.about =
      "Runs one full pass over the ids and writes the tensor `logits` [T, V] in f32: row t scores "
      "the token after ids[t]; of a model for masked tokens, the token at t. For comparing "
      "implementations; --precision f32 gives the reference values.";
  c.examples = {
      "stemma logits --model gpt2/ --ids 15496,995 --precision f32 --output logits.safetensors"};
  declare(o->model, c.options);
  c.options.add({"ids", "token ids with commas between them", "15496,995"}, o->ids);
  c.options.add_path({"output", "the safetensors file to write", "logits.safetensors"}, o->output);
  declare_json(o->json, c.options);
  c.required = {"model", "ids", "output"};
  c.run = [o] { return run_logits(*o); };
}

}  // namespace stemma::cli

#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "checkpoint/export.h"
#include "checkpoint/stored_model.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "device/stream.h"
#include "eval/equivalence.h"
#include "infer/hidden_states.h"
#include "kernels/elementwise.h"
#include "models/model.h"

namespace stemma::cli {
namespace {

namespace fs = std::filesystem;

struct ConvertOptions {
  std::string from, to, weights = "f32";
  double limit_difference = -1, limit_agreement = -1;
  bool overwrite = false, json = false;
};

DType storage_named(const std::string& name) {
  return name == "bf16" ? DType::bf16 : name == "f16" ? DType::f16 : DType::f32;
}

// A folder that holds something else is nobody's to write into.
void check_folder(const ConvertOptions& o) {
  std::error_code ignored;
  if (fs::exists(fs::path(o.to) / "config.json", ignored) && !o.overwrite)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[convert] {} holds a model already: choose another folder with --to, or "
                    "say --overwrite",
                    o.to));
  for (const char* name : {"recipe.toml", "checkpoints", "state.json"})
    if (fs::exists(fs::path(o.to) / name, ignored))
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("[convert] {} is a training run or one of its checkpoints ({} is in it): "
                      "choose another folder with --to",
                      o.to, name));
  if (fs::equivalent(o.from, o.to, ignored))
    throw Error(ErrorCode::invalid_argument, "[convert] --from and --to name the same folder");
}

void write(const ConvertOptions& o) {
  const checkpoint::StoredModel stored = checkpoint::open_stored_model(o.from);
  const std::vector<fs::path> pooling = infer::pooling_files(stored.path);
  Stream stream(1);
  std::vector<checkpoint::NamedTensor> parameters;
  for (const nn::ParameterSpec& spec : parameters_of(stored.config.model)) {
    Tensor value = stored.source->load(spec).value();
    if (value.dtype() != DType::f32) {
      const Tensor wide = Tensor::empty(value.shape(), DType::f32);
      kernels::convert(stream, value, wide);
      value = wide;
    }
    parameters.push_back({spec.name, std::move(value)});
  }
  checkpoint::export_model(o.to, {.config = stored.config,
                                  .generation = stored.generation.file,
                                  .parameters = parameters,
                                  .tokenizer = stored.tokenizer.get(),
                                  .weights = storage_named(o.weights)});
  for (const fs::path& name : pooling) {
    fs::create_directories((fs::path(o.to) / name).parent_path());
    fs::copy_file(stored.path / name, fs::path(o.to) / name, fs::copy_options::overwrite_existing);
  }
}

eval::Equivalence compare(const ConvertOptions& o) {
  const auto open = [](const std::string& path) {
    infer::ModelOptions options;
    options.path = path;
    options.precision = "f32";
    return infer::LoadedModel::open(options);
  };
  const infer::LoadedModel before = open(o.from);
  const std::vector<std::int32_t> ids = eval::probe_ids(before);
  return eval::compare_models(before, open(o.to), ids);
}

struct Limits {
  double difference, agreement;
};

Limits limits_of(const ConvertOptions& o) {
  const bool same_bits = o.weights == "f32";
  return {o.limit_difference >= 0 ? o.limit_difference
          : same_bits             ? 1e-3
                                  : 0.5,
          o.limit_agreement >= 0 ? o.limit_agreement
          : same_bits            ? 1.0
                                 : 0.98};
}

int run_convert(const ConvertOptions& o) {
  check_folder(o);
  write(o);
  const eval::Equivalence e = compare(o);
  const Limits limits = limits_of(o);
  const bool passed = e.max_abs_difference <= limits.difference &&
                      (!e.of_logits || e.top1_agreement >= limits.agreement);
  Json out = Json::object({{"from", o.from}, {"to", o.to}, {"weights", o.weights}});
  out.set(e.of_logits ? "max_abs_logit_difference" : "max_abs_hidden_difference",
          e.max_abs_difference);
  if (e.of_logits) {
    out.set("top1_agreement", e.top1_agreement);
    out.set("perplexity_change", e.perplexity_change);
  }
  out.set("passed", passed);
  if (o.json)
    print_json(out);
  else
    print(fmt::format(
        "{} to {} in {}: largest difference of a {} {:.2e}{}\n", o.from, o.to, o.weights,
        e.of_logits ? "logit" : "hidden state", e.max_abs_difference,
        e.of_logits
            ? fmt::format(", same best token in {:.2f} % of the places, perplexity {:+.3f} %",
                          100 * e.top1_agreement, 100 * e.perplexity_change)
            : ""));
  if (passed) return interrupted_or_done();
  fmt::print(stderr,
             "stemma: [convert] the model that was written is too far from the original (limits: "
             "difference {}, same best token {}); --limit-difference and --limit-agreement change "
             "them\n",
             limits.difference, limits.agreement);
  return kCheckFailed;
}

}  // namespace

void add_convert(Program& program) {
  auto o = std::make_shared<ConvertOptions>();
  Command& c = program.add("convert", "write a model as a Hugging Face folder");
  c.about =
      "Reads a model folder, a run or a GGUF file (quantised weights are converted) and writes a "
      "folder that transformers opens. Then both are opened and compared on the same tokens; exit "
      "code 1 where they differ by more than a limit.";
  c.examples = {"stemma convert --from SmolLM2-135M-Instruct.Q4_1.gguf --to models/smollm2",
                "stemma convert --from runs/book --to book-bf16 --weights bf16 --json"};
  c.options.add_path({"from", "a model folder, a run folder or a GGUF file", "model.gguf"},
                     o->from);
  c.options.add_folder({"to", "the folder to write", "models/mine"}, o->to);
  c.options.add_choice({"weights", "how the new file stores the weights", "bf16"}, o->weights,
                       {"f32", "bf16", "f16"});
  c.options.add(
      {"limit_difference",
       "largest difference of a logit; negative: 1e-3 for f32, 0.5 for bf16 and f16", "0.5"},
      o->limit_difference, {-1, 1e9});
  c.options.add({"limit_agreement",
                 "smallest share of places with the same best token; negative: 1 for f32, 0.98 for "
                 "bf16 and f16",
                 "0.98"},
                o->limit_agreement, {-1, 1});
  c.options.add({"overwrite", "write into a folder that holds a model already", "true"},
                o->overwrite);
  declare_json(o->json, c.options);
  c.required = {"from", "to"};
  c.run = [o] { return run_convert(*o); };
}

}  // namespace stemma::cli

#include "cli/model_flags.h"

#include <charconv>

#include <fmt/format.h>

#include "base/error.h"
#include "checkpoint/stored_model.h"
#include "device/cpu.h"
#include "models/family.h"
#include "text/tokenizer.h"

namespace stemma::cli {

infer::ModelOptions ModelFlags::options() const {
  infer::ModelOptions o;
  o.path = model;
  o.precision = precision;
  o.weights = weights;
  o.cache_type = cache_type;
  o.tokenizer = tokenizer;
  o.adapter = adapter;
  o.threads = threads;
  return o;
}

void declare_threads(std::int64_t& threads, OptionSet& options) {
  options.add({"threads",
               "worker threads; 0: STEMMA_THREADS, otherwise all processors",
               "2",
               {"num_threads", "device", "n_gpu_layers", "ngl"}},
              threads, {0, 1024});
}

void declare_precision(std::string& precision, OptionSet& options) {
  options.add_choice(
      {"precision",
       "what products multiply in; auto: bf16 where the machine has AMX, otherwise f32", "f32"},
      precision, {"auto", "f32", "bf16"});
}

void declare_weights(std::string& weights, OptionSet& options) {
  options.add_choice({"weights",
                      "how the weights lie in memory; bf16 and f16 halve what every token reads",
                      "bf16",
                      {"dtype", "torch_dtype", "quantize", "type"}},
                     weights, {"f32", "bf16", "f16"});
}

void declare_cache_type(std::string& type, OptionSet& options) {
  options.add_choice({"cache_type",
                      "how keys and values of earlier tokens lie in memory; auto: as --precision; "
                      "bf16 takes half the memory beside f32 products and rounds them",
                      "bf16",
                      {"cache_type_k", "cache_type_v", "ctk", "ctv", "kv_cache_dtype"}},
                     type, {"auto", "bf16"});
}

OptionHelp tokenizer_help(std::string_view more) {
  const std::string_view name = default_tokenizer_name();
  return {"tokenizer",
          fmt::format("a name ({}), a folder, or a file: tokenizer.json, .tiktoken, vocab.txt, "
                      ".gguf{}",
                      name, more),
          std::string(name)};
}

OptionHelp model_help() {
  return {"model",
          fmt::format("a published size ({}), a config.json, a model or run folder",
                      published_model_names()),
          std::string(default_model_name())};
}

void declare(ModelFlags& flags, OptionSet& options) {
  options.add_path({"model",
                    "a model folder as Hugging Face writes it, a run folder or a GGUF file",
                    "runs/book",
                    {"m", "model_path", "model_name_or_path", "checkpoint", "ckpt"}},
                   flags.model);
  options.add_path({"adapter",
                    "an adapter of the model, a folder in PEFT's layout; empty: none",
                    "runs/lora",
                    {"lora", "lora_path", "peft_model", "adapters"}},
                   flags.adapter);
  options.add_path(tokenizer_help("; empty: the model folder's own"), flags.tokenizer);
  declare_precision(flags.precision, options);
  declare_weights(flags.weights, options);
  declare_threads(flags.threads, options);
}

FoundModel find_model(const std::string& model) {
  std::error_code ignored;
  const std::filesystem::path path(model);
  if (std::filesystem::is_regular_file(path, ignored) && path.extension() == ".json")
    return {checkpoint::read_config_file(path).model, std::nullopt};
  // Opening it checks everything: a config that its weights contradict is no answer.
  if (std::filesystem::exists(path, ignored)) {
    const auto stored = checkpoint::open_stored_model(path, checkpoint::WithTokenizer::no);
    return {stored.config.model, stored.path};
  }
  return {published_config(model), std::nullopt};
}

std::vector<std::int32_t> parse_ids(const std::string& text) {
  std::vector<std::int32_t> ids;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    std::int32_t id = 0;
    const auto [next, error] = std::from_chars(at, end, id);
    if (error != std::errc() || id < 0 || (next != end && (*next != ',' || next + 1 == end)))
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("[ids] must be token ids with commas between them, such as 1,2,3, got '{}'",
                      text));
    ids.push_back(id);
    at = next == end ? end : next + 1;
  }
  return ids;
}

void describe(const infer::LoadedModel& model, const ModelFlags& flags, Json& into) {
  into.set("precision", to_string(model.numerics().multiply));
  into.set("weights", flags.weights);
  into.set("kernels", to_string(kernel_path()));
  into.set("threads", model.stream().workers().count());
}

}  // namespace stemma::cli

// --model and what goes with it, the same words for every command that opens a model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/options.h"
#include "infer/loaded_model.h"

namespace stemma::cli {

struct ModelFlags {
  std::string model, precision = "auto", weights = "f32", cache_type = "auto", tokenizer, adapter;
  std::int64_t threads = 0;

  infer::ModelOptions options() const;
};

// --tokenizer and --model as most commands have them, with `more` behind the help's text.
OptionHelp tokenizer_help(std::string_view more = "");
OptionHelp model_help();
void declare_threads(std::int64_t& threads, OptionSet& options);
void declare_precision(std::string& precision, OptionSet& options);
void declare_weights(std::string& weights, OptionSet& options);
void declare_cache_type(std::string& type, OptionSet& options);
// --model (a folder), --adapter, --tokenizer, --precision, --weights, --threads.
void declare(ModelFlags& flags, OptionSet& options);

// What --model means where the weights need not exist: a published size, a config.json, a
// model folder, a run folder or a GGUF file (`path`: where its weights are).
struct FoundModel {
  ModelConfig config;
  std::optional<std::filesystem::path> path;
};
// Throws not_found (naming the published sizes), corrupt, unsupported.
FoundModel find_model(const std::string& model);

// "1,2,3". Throws invalid_argument.
std::vector<std::int32_t> parse_ids(const std::string& text);

// How a loaded model computes: precision, weights, kernels, threads.
void describe(const infer::LoadedModel& model, const ModelFlags& flags, Json& into);

}  // namespace stemma::cli

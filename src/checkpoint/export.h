// Writing a model as Hugging Face has it, so that transformers opens the folder unchanged:
// config.json, model.safetensors, generation_config.json and the tokenizer's files.
//
//   export_model("out", {.config = config, .parameters = parameters, .tokenizer =
//   tokenizer.get()});
//
// Each file is whole or absent; model.safetensors is read again and compared byte by byte. One
// difference that transformers cannot open: it has no bias on a head and ignores lm_head.bias.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/adapter_folder.h"
#include "checkpoint/config_file.h"
#include "checkpoint/safetensors_writer.h"
#include "text/tokenizer.h"

namespace stemma::checkpoint {

struct Export {
  ConfigFile config;
  // generation_config.json as it was; null: the ids of the special tokens in `config`.
  Json generation = {};
  std::span<const NamedTensor> parameters;  // our names, f32, any order; a tied head once
  const Tokenizer* tokenizer = nullptr;     // none: no tokenizer files
  DType weights = DType::f32;               // how the file stores them: f32, bf16 or f16
  // Further files of the folder: name and text.
  std::vector<std::pair<std::string, std::string>> other_files = {};
};

// Creates the folder where it is missing. Throws invalid_argument (the parameters are not those of
// the config: missing, unknown, wrong shape or type), unsupported (to_config_json), device (no
// space; what was written reads back differently).
void export_model(const std::filesystem::path& folder, const Export& model);

// The same for an adapter: its two files, and of `model` the tokenizer and the other files.
void export_adapter(const std::filesystem::path& folder, const Export& model,
                    const AdapterExport& adapter);

}  // namespace stemma::checkpoint

// What the files of GPT-1 and GPT-2 share: OpenAI's names inside a block, Conv1D matrices that lie
// as [in, out], and the keys of config.json.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/import_rules.h"

namespace stemma::checkpoint {

inline constexpr std::string_view kGptPrefix = "transformer.";

// The tensors of a parameter, given what this family's files call the token and the position
// embedding.
std::vector<FileTensor> gpt_files(const nn::ParameterSpec& spec, std::string_view tokens,
                                  std::string_view positions);
bool is_gpt_buffer(std::string_view name);

// The keys that both model types have. `scaled_residual` is what the type implies where no key of
// ours says otherwise.
void read_gpt_config(const Json& json, bool scaled_residual, ModelConfig& config);
void write_gpt_config(const ModelConfig& config, bool scaled_residual, Json& json);

}  // namespace stemma::checkpoint

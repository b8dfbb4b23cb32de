// The heads of fine-tuned models in Hugging Face's files: which class of transformers a head
// belongs to, what its tensors are called, and the names of its classes in config.json.
//
// A single head that reads what transformers' class reads is written as that class has it
// (`BertForSequenceClassification`, `classifier.weight`, `id2label`). Every other one (a mean over
// the states, several heads on one trunk) is written under names of our own and described by the
// key `stemma_heads`, so that transformers says that it does not know it, and is never silently
// wrong.
#pragma once

#include <string_view>
#include <vector>

#include "checkpoint/config_file.h"
#include "checkpoint/import_rules.h"

namespace stemma::checkpoint {

// Fills model.task_heads and head_labels; nothing where the file describes no such head. Throws
// corrupt for labels that are no list of names.
void read_task_heads(const Json& json, const ImportRules& rules, ConfigFile& config);
// Adds `architectures`, `id2label`, `label2id`, `problem_type` or `stemma_heads`.
void write_task_heads(const ConfigFile& config, const ImportRules& rules, Json& json);

// Whether transformers has a class that computes the model's head as we do.
bool has_class_of_transformers(const ImportRules& rules, const ModelConfig& model);

// The tensors of any parameter of the model, heads of tasks included (ImportRules::files).
std::vector<FileTensor> files_of(const ImportRules& rules, const ModelConfig& model,
                                 const nn::ParameterSpec& spec);

// "mean" and back. Throws corrupt for a name that there is not.
std::string_view to_string(HeadInput input);
HeadInput head_input_named(std::string_view name);

}  // namespace stemma::checkpoint

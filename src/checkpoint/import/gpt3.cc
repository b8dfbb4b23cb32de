// GPT-3 in GPT-2's layout. A model whose layers are all dense is a GPT-2 to every reader and is
// written as one; a sparse layer is mathematics that transformers does not have, so such a model
// has a model_type of its own, which transformers refuses.
#include "checkpoint/import/gpt_layout.h"
#include "models/patterns.h"

namespace stemma::checkpoint {
namespace {

constexpr std::string_view kPatternsKey = "attention_patterns";

void read_gpt3(const Json& json, std::string_view where, ConfigFile& config) {
  rules_of("gpt2").read_config(json, where, config);
  const Json* patterns = json.find(kPatternsKey);
  if (!patterns || patterns->as_array().empty())
    refuse_config(where, "attention_patterns is missing or empty: one name for each layer");
  for (const Json& name : patterns->as_array())
    config.model.patterns.push_back(pattern_named(name.as_string()));
}

void write_gpt3(const ConfigFile& config, Json& json) {
  rules_of("gpt2").write_config(config, json);
  bool sparse = false;
  Json names{Json::Array{}};
  for (const kernels::AttentionPattern& pattern : config.model.patterns) {
    sparse = sparse || pattern.kind != kernels::AttentionPattern::Kind::dense;
    names.push_back(stemma::to_string(pattern));
  }
  if (sparse) {
    json.set(kPatternsKey, std::move(names));
  } else {
    json.set("model_type", rules_of("gpt2").model_types.front());
    json.set("architectures", Json::array({rules_of("gpt2").architecture}));
  }
}

std::vector<FileTensor> gpt3_files(const nn::ParameterSpec& spec) {
  return rules_of("gpt2").files(spec);
}

}  // namespace

extern const ImportRules kGpt3Rules;
const ImportRules kGpt3Rules = {
    .family = "gpt3",
    .model_types = {"stemma_gpt3"},
    .architecture = "StemmaGpt3LMHeadModel",
    .read_config = read_gpt3,
    .write_config = write_gpt3,
    .files = gpt3_files,
    .prefix = kGptPrefix,
    .classes = {"GPT2ForSequenceClassification", "score"},
    .tags = {"GPT2ForTokenClassification", "classifier", true, HeadInput::tokens},
    .is_buffer = is_gpt_buffer};

}  // namespace stemma::checkpoint

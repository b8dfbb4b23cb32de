// BERT in Hugging Face's layout (model_type bert). q, k and v are tensors of their own there and
// rows of one matrix here. Which heads a file has only its tensors tell: the bare model (whose
// names lack "bert."), with or without the pooler, the masked-token head, the next-sentence head.
#include <string>

#include <fmt/format.h>

#include "checkpoint/import_rules.h"
#include "checkpoint/safetensors.h"

namespace stemma::checkpoint {
namespace {

// The heads of the class that wrote the file. Of a folder the tensors decide (detect_bert_heads).
void set_heads_of_class(const Json& json, ModelConfig& c) {
  const Json* list = json.find("architectures");
  const bool named = list && list->is_array() && !list->as_array().empty();
  const std::string name = named ? list->as_array().front().as_string() : "BertForPreTraining";
  c.token_head = c.head_bias = name == "BertForPreTraining" || name == "BertForMaskedLM";
  c.pair_head = name == "BertForPreTraining" || name == "BertForNextSentencePrediction";
  c.pooler = name != "BertForMaskedLM";
}

void read_bert(const Json& json, std::string_view where, ConfigFile& config) {
  require_usual(json, where, "is_decoder", false);
  if (const std::string type = json.get("position_embedding_type", "absolute"); type != "absolute")
    refuse_config(where, fmt::format("position_embedding_type {} is not supported; only 'absolute' "
                                     "is",
                                     in_quotes(type)));
  ModelConfig& c = config.model;
  c.causal = false;
  c.vocab = json.get("vocab_size", 30522);
  c.context = json.get("max_position_embeddings", 512);
  c.segments = json.get("type_vocab_size", 2);
  c.channels = json.get("hidden_size", 768);
  c.layers = json.get("num_hidden_layers", 12);
  c.heads = json.get("num_attention_heads", 12);
  c.hidden = json.get("intermediate_size", 3072);
  c.activation = activation_named(json.get("hidden_act", "gelu"), where);
  c.norm_eps = json.get("layer_norm_eps", 1e-12);
  c.embedding_dropout = c.residual_dropout = json.get("hidden_dropout_prob", 0.1);
  c.attention_dropout = json.get("attention_probs_dropout_prob", 0.1);
  c.weight_std = c.position_std = json.get("initializer_range", 0.02);
  c.scaled_residual = json.get(kScaledResidualKey, false);
  c.tied_head = json.get("tie_word_embeddings", true);
  set_heads_of_class(json, c);
}

void write_bert(const ConfigFile& config, Json& json) {
  const ModelConfig& c = config.model;
  if (c.embedding_dropout != c.residual_dropout)
    refuse_config("bert", fmt::format("this model type has one hidden_dropout_prob, got {} for the "
                                      "embedding and {} for the residual stream",
                                      c.embedding_dropout, c.residual_dropout));
  const char* bare = c.pair_head ? "BertForNextSentencePrediction" : "BertModel";
  const char* masked = c.pair_head ? "BertForPreTraining" : "BertForMaskedLM";
  json.set("architectures", Json::array({c.token_head ? masked : bare}));
  json.set("max_position_embeddings", c.context);
  json.set("type_vocab_size", c.segments);
  json.set("hidden_size", c.channels);
  json.set("num_hidden_layers", c.layers);
  json.set("num_attention_heads", c.heads);
  json.set("intermediate_size", c.hidden);
  json.set("hidden_act", activation_name(c.activation));
  json.set("layer_norm_eps", c.norm_eps);
  json.set("hidden_dropout_prob", c.residual_dropout);
  json.set("attention_probs_dropout_prob", c.attention_dropout);
  json.set("initializer_range", c.weight_std);
  json.set("position_embedding_type", "absolute");
  if (c.scaled_residual) json.set(kScaledResidualKey, true);
}

void detect_bert_heads(const HasTensor& has, ModelConfig& c) {
  c.token_head = has("cls.predictions.transform.dense.weight");
  c.head_bias = c.token_head;
  c.pooler = has("bert.pooler.dense.weight");
  c.pair_head = has("cls.seq_relationship.weight");
  if (!c.token_head) c.tied_head = true;
}

struct BertName {
  std::string_view ours, theirs;
};
constexpr BertName kBertWhole[] = {
    {"embedding.tokens", "bert.embeddings.word_embeddings.weight"},
    {"embedding.positions", "bert.embeddings.position_embeddings.weight"},
    {"embedding.segments", "bert.embeddings.token_type_embeddings.weight"},
    {"embedding.norm.gain", "bert.embeddings.LayerNorm.weight"},
    {"embedding.norm.bias", "bert.embeddings.LayerNorm.bias"},
    {"pooler.weight", "bert.pooler.dense.weight"},
    {"pooler.bias", "bert.pooler.dense.bias"},
    {"head.transform.weight", "cls.predictions.transform.dense.weight"},
    {"head.transform.bias", "cls.predictions.transform.dense.bias"},
    {"head.norm.gain", "cls.predictions.transform.LayerNorm.weight"},
    {"head.norm.bias", "cls.predictions.transform.LayerNorm.bias"},
    {"head.weight", "cls.predictions.decoder.weight"},
    {"head.bias", "cls.predictions.bias"},
    {"pair_head.weight", "cls.seq_relationship.weight"},
    {"pair_head.bias", "cls.seq_relationship.bias"}};
constexpr BertName kBertBlock[] = {{"attention.out.weight", "attention.output.dense.weight"},
                                   {"attention.out.bias", "attention.output.dense.bias"},
                                   {"norm1.gain", "attention.output.LayerNorm.weight"},
                                   {"norm1.bias", "attention.output.LayerNorm.bias"},
                                   {"feed_forward.up.weight", "intermediate.dense.weight"},
                                   {"feed_forward.up.bias", "intermediate.dense.bias"},
                                   {"feed_forward.down.weight", "output.dense.weight"},
                                   {"feed_forward.down.bias", "output.dense.bias"},
                                   {"norm2.gain", "output.LayerNorm.weight"},
                                   {"norm2.bias", "output.LayerNorm.bias"}};

// `kind`: weight or bias, of which q, k and v have both.
std::vector<FileTensor> query_key_value(const nn::ParameterSpec& spec, const std::string& block,
                                        std::string_view kind) {
  constexpr std::string_view kNames[] = {"query", "key", "value"};
  std::vector<FileTensor> tensors;
  for (const nn::Part& part : spec.parts) {
    std::vector<std::int64_t> shape = shape_of(spec);
    shape.front() = part.rows;
    tensors.push_back(
        {fmt::format("{}attention.self.{}.{}", block, kNames[tensors.size()], kind), shape});
  }
  return tensors;
}

std::vector<FileTensor> bert_files(const nn::ParameterSpec& spec) {
  for (const BertName& item : kBertWhole)
    if (item.ours == spec.name) return as_it_is(spec, std::string(item.theirs));
  const auto [layer, part] = split_block_name(spec.name);
  const std::string block = fmt::format("bert.encoder.layer.{}.", layer);
  if (part == "attention.qkv.weight") return query_key_value(spec, block, "weight");
  if (part == "attention.qkv.bias") return query_key_value(spec, block, "bias");
  for (const BertName& item : kBertBlock)
    if (item.ours == part) return as_it_is(spec, fmt::format("{}{}", block, item.theirs));
  return {};
}

// Files from TensorFlow's have gamma and beta; the head's bias is also its decoder's.
std::string other_bert_name(std::string_view name) {
  if (name == "cls.predictions.bias") return "cls.predictions.decoder.bias";
  for (const BertName& item : {BertName{"LayerNorm.weight", "LayerNorm.gamma"},
                               BertName{"LayerNorm.bias", "LayerNorm.beta"}})
    if (name.ends_with(item.ours))
      return fmt::format("{}{}", name.substr(0, name.size() - item.ours.size()), item.theirs);
  return "";
}

bool is_bert_buffer(std::string_view name) {
  return name.ends_with("embeddings.position_ids") || name.ends_with("embeddings.token_type_ids");
}

}  // namespace

extern const ImportRules kBertRules;
const ImportRules kBertRules = {
    .family = "bert",
    .model_types = {"bert"},
    .architecture = "BertForPreTraining",
    .read_config = read_bert,
    .write_config = write_bert,
    .files = bert_files,
    .prefix = "bert.",
    .classes = {"BertForSequenceClassification", "classifier", true, HeadInput::pooler},
    .tags = {"BertForTokenClassification", "classifier", true, HeadInput::tokens},
    .choices = {"BertForMultipleChoice", "classifier", true, HeadInput::pooler},
    .is_buffer = is_bert_buffer,
    .other_name = other_bert_name,
    .detect_heads = detect_bert_heads};

}  // namespace stemma::checkpoint

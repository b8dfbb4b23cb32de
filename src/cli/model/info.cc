#include <memory>

#include <fmt/format.h>

#include "base/log.h"
#include "base/progress.h"
#include "checkpoint/gguf_tokenizer.h"
#include "checkpoint/run_folder.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/version.h"
#include "data/dataset.h"
#include "device/cpu.h"
#include "models/cost.h"
#include "text/fingerprint.h"
#include "text/tokenizer.h"

namespace stemma::cli {
namespace {

namespace fs = std::filesystem;

struct InfoOptions {
  std::string model, data, tokenizer;
  bool json = false;
};

Json model_json(const std::string& model) {
  const FoundModel found = find_model(model);
  const ModelConfig& c = found.config;
  const ModelCost cost(c);
  Json out = Json::object({{"model", model},
                           {"family", c.family},
                           {"parameters", cost.parameters()},
                           {"embedding_parameters", cost.embedding_parameters()},
                           {"layers", c.layers},
                           {"channels", c.channels},
                           {"heads", c.heads},
                           {"kv_heads", c.groups()},
                           {"head_size", c.head_size()},
                           {"hidden", c.hidden},
                           {"vocab_size", c.vocab},
                           {"context", c.context},
                           {"tied_head", c.token_head && c.tied_head},
                           {"training_flop_per_token", cost.training_flop_per_token(c.context)},
                           {"weight_bytes_f32", 4 * cost.parameters()}});
  if (c.causal) {
    out.set("decode_flop_per_token", cost.decode_flop(1, c.context));
    out.set("cache_bytes_per_token_f32", 4 * cost.cache_elements_per_token());
  } else {
    out.set("segments", c.segments);
    out.set("heads_of_texts", Json::object({{"masked_tokens", c.token_head},
                                            {"pooler", c.pooler},
                                            {"next_sentence", c.pair_head}}));
    out.set("prefill_flop", cost.prefill_flop(1, c.context));
  }
  if (found.path) out.set("folder", found.path->string());
  std::error_code ignored;
  if (fs::is_directory(fs::path(model) / "checkpoints", ignored)) {
    const auto state =
        checkpoint::newest_checkpoint(model, checkpoint::CheckpointParts::model).state;
    out.set("run", Json::object({{"step", state.step},
                                 {"tokens", state.tokens},
                                 {"precision", state.extra.get("precision", "")}}));
  }
  return out;
}

Json data_json(const std::string& folder) {
  const Manifest m = Dataset::open(folder).manifest();
  const auto split = [](const SplitManifest& s) {
    return Json::object(
        {{"documents", s.documents}, {"tokens", s.tokens}, {"text_bytes", s.text_bytes}});
  };
  return Json::object({{"data", folder},
                       {"vocab_size", m.info.vocab_size},
                       {"train", split(m.train)},
                       {"validation", split(m.validation)}});
}

Json tokenizer_json(const std::string& source) {
  const auto tokenizer = checkpoint::tokenizer_from(source);
  Json special = Json::object();
  for (const auto& [name, id] : tokenizer->special_tokens()) special.set(name, id);
  const auto end = tokenizer->end_of_text();
  return Json::object({{"tokenizer", source},
                       {"vocab_size", tokenizer->vocab_size()},
                       {"end_of_text", end ? Json(*end) : Json()},
                       {"special_tokens", std::move(special)}});
}

// A nested object as lines of "key: value". ids: its numbers are ids, which nobody rounds.
std::string for_people(const Json& object, const std::string& indent = "", bool ids = false) {
  std::string text;
  for (const auto& [key, value] : object.as_object()) {
    if (value.is_object())
      text += fmt::format("{}{}:\n{}", indent, key,
                          for_people(value, indent + "  ", ids || key == "special_tokens"));
    else if (value.is_number() && value.as_double() >= 10'000 && !ids && key != "end_of_text")
      text += fmt::format("{}{}: {} ({})\n", indent, key, value.dump(),
                          format_count(value.as_double()));
    else
      text += fmt::format("{}{}: {}\n", indent, key,
                          value.is_string() ? value.as_string() : value.dump());
  }
  return text;
}

int run_info(const InfoOptions& o) {
  Json out = Json::object({{"version", kVersion}, {"kernels", to_string(kernel_path())}});
  if (!o.model.empty()) out.set("model", model_json(o.model));
  if (!o.data.empty()) out.set("data", data_json(o.data));
  if (!o.tokenizer.empty()) out.set("tokenizer", tokenizer_json(o.tokenizer));
  if (!o.data.empty() && !o.tokenizer.empty()) {
    const bool same = Dataset::open(o.data).manifest().info.tokenizer_fingerprint ==
                      tokenizer_fingerprint(*checkpoint::tokenizer_from(o.tokenizer));
    out.set("data_is_of_tokenizer", same);
    if (!same)
      log_warning(
          fmt::format("[info] {} was packed with another tokenizer than {}: its ids mean "
                      "other tokens",
                      o.data, o.tokenizer));
  }
  if (o.json) return print_json(out);
  print(for_people(out));
  return interrupted_or_done();
}

}  // namespace

void add_info(Program& program) {
  auto o = std::make_shared<InfoOptions>();
  Command& c = program.add("info", "facts of a model, a run, packed data or a tokenizer");
  c.about =
      "Shows the version and, for what is named: a model's parameters, sizes and FLOP per token, a "
      "run's progress, the tokens of packed data (checked completely), a tokenizer's vocabulary.";
  c.examples = {"stemma info --model gpt2", "stemma info --model runs/book --json",
                "stemma info --data packed --tokenizer packed/tokenizer"};
  c.options.add_path(model_help(), o->model);
  c.options.add_path({"data", "a packed folder", "packed"}, o->data);
  c.options.add_path(tokenizer_help(), o->tokenizer);
  declare_json(o->json, c.options);
  c.positional = "model";
  c.run = [o] { return run_info(*o); };
}

}  // namespace stemma::cli

#include "tasks/adapt.h"

#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "checkpoint/adapter_targets.h"
#include "checkpoint/import_rules.h"

namespace stemma::tasks {
namespace {

constexpr std::string_view kTop = "top:", kPrefix = "prefix", kPrompt = "prompt";

[[noreturn]] void refuse_adapt(const std::string& what) {
  throw Error(ErrorCode::invalid_argument, "[finetune] " + what);
}

std::int64_t top_layers(const std::string& adapt, std::int64_t layers) {
  std::int64_t n = 0;
  const char* begin = adapt.data() + kTop.size();
  const char* end = adapt.data() + adapt.size();
  const auto [stop, error] = std::from_chars(begin, end, n);
  if (error != std::errc() || stop != end || n < 1 || n > layers)
    refuse_adapt(
        fmt::format("--adapt top:N trains the last N of the {} layers, got '{}'", layers, adapt));
  return n;
}

// A head, and what stands between it and the blocks.
bool is_behind_blocks(std::string_view name) {
  return is_of_task_head(name) || name.starts_with("pooler.");
}

bool is_in_top(std::string_view name, std::int64_t first) {
  if (is_behind_blocks(name) || name.starts_with("final_norm.")) return true;
  const std::string_view number = checkpoint::split_block_name(name).first;
  std::int64_t layer = -1;
  std::from_chars(number.data(), number.data() + number.size(), layer);
  return layer >= first;
}

Adaptation low_rank_adaptation(const AdaptOptions& o, const ModelConfig& model) {
  const bool adaptive = o.adapt == "adalora";
  if (adaptive && o.rank_stabilised)
    refuse_adapt("--rank-stabilised is for --adapt lora: AdaLoRA divides alpha by init_rank");
  Adaptation a;
  a.adapter = checkpoint::low_rank_spec(checkpoint::units_named(model, o.targets),
                                        {.rank = adaptive ? o.budget.init_rank : o.rank,
                                         .alpha = o.alpha,
                                         .rank_stabilised = o.rank_stabilised,
                                         .dropout = o.adapter_dropout,
                                         .adaptive = adaptive});
  a.settings.set("lora_alpha", o.alpha);
  if (!adaptive) {
    a.settings.set("r", o.rank);
    a.settings.set("use_rslora", o.rank_stabilised);
  }
  a.usual_rate = adaptive ? 1e-3 : 5e-4;
  return a;
}

Adaptation virtual_token_adaptation(const AdaptOptions& o, const ModelConfig& model) {
  using Kind = nn::AdapterSpec::Kind;
  Adaptation a;
  a.adapter = checkpoint::virtual_token_spec(
      model, o.adapt == kPrefix ? Kind::prefix : Kind::prompt, o.virtual_tokens);
  // What served best on TREC with MiniLM.
  a.usual_rate = o.adapt == kPrefix ? 1e-2 : 3e-3;
  return a;
}

}  // namespace

bool is_of_task_head(std::string_view name) {
  return name.starts_with("class_head.") || name.starts_with("tag_head.");
}

void declare(AdaptOptions& a, OptionSet& o) {
  o.add({"adapt",
         "what is trained; full: everything; head: the new head alone; top:N: the last N layers; "
         "lora: low-rank changes beside frozen matrices; adalora: the same, whose ranks go where "
         "they matter; adapter: bottlenecks behind frozen layers; prefix: keys and values before "
         "those of each layer; prompt: embeddings before those of the text",
         "lora",
         {"peft", "peft_type", "freeze", "use_lora"}},
        a.adapt);
  o.add({"targets",
         "which matrices a low-rank adapter changes: q, k, v, qkv, out, up, gate, down, attention, "
         "feed_forward, all; auto: q and v",
         "q v",
         {"target_modules", "lora_target", "lora_target_modules"}},
        a.targets);
  o.add({"rank", "rank of low-rank changes", "8", {"r", "lora_r", "lora_rank"}}, a.rank, {1, 4096});
  o.add({"alpha", "low-rank changes are multiplied by alpha / rank", "16", {"lora_alpha"}}, a.alpha,
        {1e-6, 1e6});
  o.add({"rank_stabilised", "multiply by alpha / sqrt(rank) instead", "true", {"use_rslora"}},
        a.rank_stabilised);
  o.add({"adapter_dropout", "dropout in front of low-rank changes", "0.1", {"lora_dropout"}},
        a.adapter_dropout, {0, 0.9});
  declare(a.budget, o);
  o.add({"adapter_width", "width of bottlenecks", "64", {"adapter_size", "bottleneck"}},
        a.adapter_width, {1, 1 << 16});
  o.add({"virtual_tokens",
         "positions of a prefix or a prompt, which the model's context has beside max_tokens",
         "20",
         {"num_virtual_tokens", "prefix_length", "prompt_length"}},
        a.virtual_tokens, {1, 1 << 16});
}

std::int64_t virtual_tokens_of(const AdaptOptions& o) {
  return o.adapt == kPrefix || o.adapt == kPrompt ? o.virtual_tokens : 0;
}

Adaptation adaptation_of(const AdaptOptions& o, const ModelConfig& model) {
  Adaptation a;
  if (o.adapt == "full") return a;
  if (o.adapt == "head") {
    a.trainable = is_behind_blocks;
    a.usual_rate = 1e-3;
    return a;
  }
  if (o.adapt.starts_with(kTop)) {
    const std::int64_t first = model.layers - top_layers(o.adapt, model.layers);
    a.trainable = [first](std::string_view name) { return is_in_top(name, first); };
    return a;
  }
  if (o.adapt == "lora" || o.adapt == "adalora") {
    a = low_rank_adaptation(o, model);
  } else if (o.adapt == "adapter") {
    a.adapter = checkpoint::bottleneck_spec(model, o.adapter_width);
    a.usual_rate = 5e-4;
  } else if (virtual_tokens_of(o) > 0) {
    a = virtual_token_adaptation(o, model);
  } else {
    refuse_adapt(fmt::format(
        "--adapt is full, head, top:N, lora, adalora, adapter, prefix or prompt, got '{}'",
        o.adapt));
  }
  a.trainable = [](std::string_view name) {
    return name.starts_with(nn::kAdapterPrefix) || is_behind_blocks(name);
  };
  return a;
}

}  // namespace stemma::tasks

#include "checkpoint/parameter_names.h"

#include <span>

#include <fmt/format.h>

namespace stemma::checkpoint {
namespace {

constexpr std::string_view kPrefix = "transformer.";

enum class Size : std::uint8_t { none, channels, three_channels, hidden, vocab, context };
enum class When : std::uint8_t { always, pre_norm, untied_head, head_bias };

struct Row {
  std::string_view name, gpt2, gpt1;
  Size out, in;
  bool conv1d = false;
  When when = When::always;
};

constexpr Row kEmbedding[] = {
    {"embedding.tokens", "transformer.wte.weight", "transformer.tokens_embed.weight", Size::vocab,
     Size::channels},
    {"embedding.positions", "transformer.wpe.weight", "transformer.positions_embed.weight",
     Size::context, Size::channels},
};

// The names inside a block are the same in both layouts.
struct BlockRow {
  std::string_view name, hf;
  Size out, in;
  bool conv1d;
};
constexpr BlockRow kBlock[] = {
    {"norm1.gain", "ln_1.weight", Size::channels, Size::none, false},
    {"norm1.bias", "ln_1.bias", Size::channels, Size::none, false},
    {"attention.qkv.weight", "attn.c_attn.weight", Size::three_channels, Size::channels, true},
    {"attention.qkv.bias", "attn.c_attn.bias", Size::three_channels, Size::none, false},
    {"attention.out.weight", "attn.c_proj.weight", Size::channels, Size::channels, true},
    {"attention.out.bias", "attn.c_proj.bias", Size::channels, Size::none, false},
    {"norm2.gain", "ln_2.weight", Size::channels, Size::none, false},
    {"norm2.bias", "ln_2.bias", Size::channels, Size::none, false},
    {"feed_forward.up.weight", "mlp.c_fc.weight", Size::hidden, Size::channels, true},
    {"feed_forward.up.bias", "mlp.c_fc.bias", Size::hidden, Size::none, false},
    {"feed_forward.down.weight", "mlp.c_proj.weight", Size::channels, Size::hidden, true},
    {"feed_forward.down.bias", "mlp.c_proj.bias", Size::channels, Size::none, false},
};

constexpr Row kEnd[] = {
    {"final_norm.gain", "transformer.ln_f.weight", "", Size::channels, Size::none, false,
     When::pre_norm},
    {"final_norm.bias", "transformer.ln_f.bias", "", Size::channels, Size::none, false,
     When::pre_norm},
    {"head.weight", kHeadWeight, kHeadWeight, Size::vocab, Size::channels, false,
     When::untied_head},
    {"head.bias", kHeadBias, kHeadBias, Size::vocab, Size::none, false, When::head_bias},
};

std::int64_t value_of(Size size, const DecoderConfig& c) {
  switch (size) {
    case Size::channels:
      return c.channels;
    case Size::three_channels:
      return 3 * c.channels;
    case Size::hidden:
      return c.hidden;
    case Size::vocab:
      return c.vocab;
    case Size::context:
      return c.context;
    case Size::none:
      break;
  }
  return 0;
}

bool applies(When when, const DecoderConfig& c) {
  switch (when) {
    case When::pre_norm:
      return c.norm == DecoderConfig::NormPlacement::pre;
    case When::untied_head:
      return !c.tied_head;
    case When::head_bias:
      return c.head_bias;
    case When::always:
      break;
  }
  return true;
}

void add_rows(std::span<const Row> rows, const DecoderConfig& c, std::vector<Parameter>& out) {
  const bool gpt2 = c.norm == DecoderConfig::NormPlacement::pre;
  for (const Row& row : rows)
    if (applies(row.when, c))
      out.push_back({std::string(row.name), std::string(gpt2 ? row.gpt2 : row.gpt1),
                     value_of(row.out, c), value_of(row.in, c), row.conv1d});
}

}  // namespace

std::vector<std::int64_t> Parameter::shape() const {
  if (in == 0) return {out};
  return {out, in};
}

std::vector<std::int64_t> Parameter::file_shape() const {
  if (conv1d) return {in, out};
  return shape();
}

std::vector<Parameter> parameters_of(const DecoderConfig& config) {
  std::vector<Parameter> all;
  add_rows(kEmbedding, config, all);
  for (std::int64_t block = 0; block < config.layers; ++block)
    for (const BlockRow& row : kBlock)
      all.push_back({fmt::format("blocks.{}.{}", block, row.name),
                     fmt::format("{}h.{}.{}", kPrefix, block, row.hf), value_of(row.out, config),
                     value_of(row.in, config), row.conv1d});
  add_rows(kEnd, config, all);
  return all;
}

std::string_view without_prefix(std::string_view hf_name) {
  if (hf_name.starts_with(kPrefix)) hf_name.remove_prefix(kPrefix.size());
  return hf_name;
}

bool is_buffer(std::string_view hf_name) {
  return hf_name.ends_with(".attn.bias") || hf_name.ends_with(".attn.masked_bias") ||
         without_prefix(hf_name) == "position_ids";
}

}  // namespace stemma::checkpoint

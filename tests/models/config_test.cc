#include "models/config.h"

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "models/cost.h"
#include "models/family.h"
#include "models/patterns.h"
#include "tests/base/expect_error.h"

namespace stemma {
namespace {

ModelConfig valid() {
  ModelConfig c;
  c.family = "gpt2";
  c.vocab = 11;
  c.context = 8;
  c.channels = 6;
  c.heads = 2;
  c.layers = 2;
  c.hidden = 24;
  return c;
}

// Counted by transformers (sum of p.numel(), a tied head once).
TEST(ModelConfig, PublishedSizes) {
  struct Size {
    const char* name;
    std::int64_t layers, channels, heads, parameters;
  };
  const Size sizes[] = {{"gpt1", 12, 768, 12, 116'534'784},
                        {"gpt2", 12, 768, 12, 124'439'808},
                        {"gpt2-355m", 24, 1024, 16, 354'823'168},
                        {"gpt2-774m", 36, 1280, 20, 774'030'080},
                        {"gpt2-1558m", 48, 1600, 25, 1'557'611'200}};
  for (const Size& size : sizes) {
    SCOPED_TRACE(size.name);
    const ModelConfig c = published_config(size.name);
    c.validate();
    EXPECT_EQ(c.layers, size.layers);
    EXPECT_EQ(c.channels, size.channels);
    EXPECT_EQ(c.heads, size.heads);
    EXPECT_EQ(c.head_size(), 64);
    EXPECT_EQ(c.hidden, 4 * size.channels);
    EXPECT_EQ(ModelCost(c).parameters(), size.parameters);
    EXPECT_TRUE(c.tied_head);
    const bool first = std::string_view(size.name) == "gpt1";
    EXPECT_EQ(c.vocab, first ? 40478 : 50257);
    EXPECT_EQ(c.context, first ? 512 : 1024);
    EXPECT_EQ(c.family, first ? "gpt1" : "gpt2");
    EXPECT_EQ(c.scaled_residual, !first);
  }
}

// Counted by transformers: BertForPreTraining, and BertModel for MiniLM.
TEST(ModelConfig, PublishedSizesOfBert) {
  struct Size {
    const char* name;
    std::int64_t layers, channels, heads, parameters;
  };
  for (const Size& size : {Size{"bert-base", 12, 768, 12, 110'106'428},
                           Size{"bert-large-uncased", 24, 1024, 16, 336'226'108},
                           Size{"minilm-l6", 6, 384, 12, 22'713'216}}) {
    SCOPED_TRACE(size.name);
    const ModelConfig c = published_config(size.name);
    c.validate();
    EXPECT_EQ(c.layers, size.layers);
    EXPECT_EQ(c.channels, size.channels);
    EXPECT_EQ(c.heads, size.heads);
    EXPECT_EQ(c.hidden, 4 * size.channels);
    EXPECT_EQ(ModelCost(c).parameters(), size.parameters);
    EXPECT_FALSE(c.causal);
  }
}

ModelConfig valid_bert() {
  ModelConfig c = family_named("bert").defaults();
  c.vocab = 11;
  c.context = 8;
  c.channels = 6;
  c.heads = 2;
  c.layers = 2;
  c.hidden = 24;
  return c;
}

TEST(ModelConfig, CostOfAnEncoder) {
  // By hand: tokens 66, positions 48, segments 12, their norm 12, a block 24 + 126 + 42 + 168 +
  // 150 = 510, pooler 42, the token head's transform 42 + 12 + 11, pairs 14.
  ModelConfig c = valid_bert();
  const std::int64_t all = 66 + 48 + 12 + 12 + 2 * 510 + 42 + 65 + 14;
  EXPECT_EQ(ModelCost(c).parameters(), all);
  EXPECT_EQ(ModelCost(c).block_parameters(), 12 + 2 * 510);
  // 6 (P − 60) + 12 · 2 · 5 · 6, less 85 % of what the heads' matrices (66 + 36 + 36 + 12) would
  // cost for every token.
  EXPECT_DOUBLE_EQ(ModelCost(c).training_flop_per_token(5),
                   6.0 * static_cast<double>(all - 60) + 720 - 0.85 * 6 * 150);
  // 3 texts of 5 tokens: 2 · 1032 · 15 + 3 · 4 · 2 · 6 · 25
  EXPECT_EQ(ModelCost(c).prefill_flop(3, 5), 30960 + 3600);
  c.token_head = c.head_bias = c.pair_head = false;
  EXPECT_EQ(ModelCost(c).parameters(), all - 65 - 14);
  EXPECT_EQ(ModelCost(c).training_flop_per_token(5),
            6.0 * static_cast<double>(all - 65 - 14 - 60 - 66) + 720);
}

TEST(ModelConfig, HeadsAndSegmentsBelongToTheirFamily) {
  valid_bert().validate();
  const auto refused = [](ModelConfig c, const char* word, auto change) {
    change(c);
    EXPECT_ERROR(c.validate(), ErrorCode::invalid_argument, word);
  };
  refused(valid(), "causal", [](ModelConfig& c) { c.causal = false; });
  refused(valid(), "segments", [](ModelConfig& c) { c.segments = 2; });
  refused(valid(), "token head", [](ModelConfig& c) { c.token_head = false; });
  refused(valid(), "token head", [](ModelConfig& c) { c.pooler = true; });
  refused(valid_bert(), "causal", [](ModelConfig& c) { c.causal = true; });
  refused(valid_bert(), "segment", [](ModelConfig& c) { c.segments = 0; });
  refused(valid_bert(), "segments", [](ModelConfig& c) { c.segments = std::int64_t{1} << 40; });
  refused(valid_bert(), "head_bias", [](ModelConfig& c) { c.head_bias = false; });
  refused(valid_bert(), "pooler", [](ModelConfig& c) { c.pooler = false; });
  refused(valid_bert(), "key-value heads", [](ModelConfig& c) { c.kv_heads = 1; });
}

TEST(ModelConfig, BothNamesOfAPublishedSize) {
  const std::vector<std::vector<const char*>> same = {{"gpt2", "gpt2-124m", "gpt2-117m"},
                                                      {"gpt2-355m", "gpt2-345m", "gpt2-medium"},
                                                      {"gpt2-774m", "gpt2-762m", "gpt2-large"},
                                                      {"gpt2-1558m", "gpt2-1542m", "gpt2-xl"}};
  for (const auto& names : same)
    for (const char* name : names)
      EXPECT_EQ(ModelCost(published_config(name)).parameters(),
                ModelCost(published_config(names[0])).parameters())
          << name;
  EXPECT_ERROR(published_config("gpt5"), ErrorCode::not_found, "gpt2-1558m");
  EXPECT_ERROR(published_config(""), ErrorCode::not_found, "gpt1");
}

TEST(ModelConfig, CostOfSparsePatterns) {
  ModelConfig c = valid();
  c.family = "gpt3";
  c.context = 64;
  const double width = 6;
  for (const char* name :
       {"dense", "local:5", "dilated:5", "strided:5", "local:100", "dilated:1"}) {
    c.patterns = {pattern_named("dense"), pattern_named(name)};
    const std::int64_t k = c.patterns[1].k, tokens = 23;
    // Both layers, own keys among them, counted one by one.
    const auto sees = [&](std::int64_t i, std::int64_t j) {
      const bool near = i - j < k, apart = (i - j) % k == 0;
      const std::string kind = std::string(name).substr(0, 3);
      return kind == "den" || (kind == "loc" ? near : kind == "dil" ? apart : near || apart);
    };
    double pairs = 0, last = 0;
    for (std::int64_t i = 0; i < tokens; ++i)
      for (std::int64_t j = 0; j <= i; ++j) {
        pairs += 1 + sees(i, j);
        last += i + 1 == tokens ? 1 + sees(i, j) : 0;
      }
    const ModelCost cost(c);
    const auto blocks = static_cast<double>(cost.block_parameters());
    EXPECT_DOUBLE_EQ(cost.prefill_flop(1, tokens) - 2 * blocks * tokens - 2 * 66, 4 * width * pairs)
        << name;
    EXPECT_DOUBLE_EQ(
        cost.decode_bytes(0, 1, 1, tokens - 1) - cost.decode_bytes(0, 0, 1, tokens - 1),
        2 * width * last)
        << name;
    EXPECT_DOUBLE_EQ(cost.decode_flop(1, tokens - 1) - 2 * blocks - 2 * 66, 4 * width * (last - 2))
        << name;
    EXPECT_DOUBLE_EQ(cost.training_flop_per_token(tokens),
                     6 * static_cast<double>(cost.parameters() - cost.position_parameters()) +
                         12 * width * (pairs / tokens - 1))
        << name;
  }
}

TEST(ModelConfig, ParametersOfOtherHeadsAndNorms) {
  // By hand: tokens 66, positions 48, a block 24 + 126 + 42 + 168 + 150 = 510, final norm 12.
  ModelConfig c = valid();
  EXPECT_EQ(ModelCost(c).parameters(), 66 + 48 + 2 * 510 + 12);
  c.tied_head = false;
  EXPECT_EQ(ModelCost(c).parameters(), 66 + 48 + 2 * 510 + 12 + 66);
  c.head_bias = true;
  EXPECT_EQ(ModelCost(c).parameters(), 66 + 48 + 2 * 510 + 12 + 66 + 11);
  c = valid();
  c.family = "gpt1";
  EXPECT_EQ(ModelCost(c).parameters(), 66 + 48 + 2 * 510);
  c = valid();
  // 6 (1146 − 48) + 6 · 2 · 5 · 6
  EXPECT_EQ(ModelCost(c).training_flop_per_token(5), 6588 + 360);
}

TEST(ModelConfig, ValidationNamesTheField) {
  struct Bad {
    const char* field;
    std::function<void(ModelConfig&)> change;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Bad bad[] = {
      {"vocab", [](auto& c) { c.vocab = 0; }},
      {"vocab", [](auto& c) { c.vocab = std::numeric_limits<std::int64_t>::max(); }},
      {"context", [](auto& c) { c.context = -1; }},
      {"context", [](auto& c) { c.context = std::int64_t{1} << 40; }},
      {"channels", [](auto& c) { c.channels = 0; }},
      {"heads", [](auto& c) { c.heads = 0; }},
      {"heads", [](auto& c) { c.heads = -2; }},
      {"heads", [](auto& c) { c.heads = 4; }},
      {"layers", [](auto& c) { c.layers = 0; }},
      {"layers", [](auto& c) { c.layers = std::numeric_limits<std::int64_t>::min(); }},
      {"hidden", [](auto& c) { c.hidden = 0; }},
      {"head size",
       [](auto& c) {
         c.channels = 1028;
         c.heads = 4;
       }},
      {"norm_eps", [](auto& c) { c.norm_eps = 0; }},
      {"norm_eps", [nan](auto& c) { c.norm_eps = nan; }},
      {"head bias", [](auto& c) { c.head_bias = true; }},
      {"embedding_dropout", [](auto& c) { c.embedding_dropout = 1; }},
      {"attention_dropout", [](auto& c) { c.attention_dropout = -0.1; }},
      {"residual_dropout", [nan](auto& c) { c.residual_dropout = nan; }},
  };
  valid().validate();
  for (const Bad& item : bad) {
    ModelConfig c = valid();
    item.change(c);
    EXPECT_ERROR(c.validate(), ErrorCode::invalid_argument, item.field);
  }
  ModelConfig widest = valid();
  widest.channels = 1024;
  widest.heads = 4;
  widest.validate();
}

}  // namespace
}  // namespace stemma

// A tiny folder of a chat model whose answers are known: the tokenizer of
// tests/text/fixtures/smollm, and weights that say after each token of a text the next one.
//
//   write_chat_model(folder.path(), "\nhi");   // answers "hi", then <|im_end|>
#pragma once

#include <algorithm>
#include <filesystem>
#include <map>
#include <string_view>
#include <vector>

#include "checkpoint/export.h"
#include "models/model.h"
#include "text/tokenizer.h"

namespace stemma::checkpoint::testing {

// `chain`: no token of it twice; it begins with "\n", the token that ends each prompt. The model's
// eos is <|endoftext|>, which it never says.
inline void write_chat_model(const std::filesystem::path& folder, std::string_view chain) {
  constexpr std::int32_t kVocab = 420, kEndOfTurn = 2;
  const auto tokenizer = open_tokenizer(STEMMA_SOURCE_DIR "/tests/text/fixtures/smollm");
  std::vector<std::int32_t> ids;
  tokenizer->encode(chain, ids);
  ids.push_back(kEndOfTurn);
  std::map<std::int32_t, std::int32_t> next;
  for (std::int32_t id = 0; id < kVocab; ++id) next[id] = id;
  for (std::size_t i = 0; i + 1 < ids.size(); ++i) next[ids[i]] = ids[i + 1];

  ConfigFile config;
  config.model.family = "gpt2";
  config.model.vocab = kVocab;
  config.model.context = 160;
  config.model.channels = kVocab;
  config.model.heads = 2;
  config.model.layers = 1;
  config.model.hidden = 1;
  config.model.tied_head = false;
  config.eos_token = 0;
  // Blocks add nothing; tokens are unit vectors, and row `next` of the head is 1 at its
  // predecessors.
  std::vector<NamedTensor> parameters;
  for (const nn::ParameterSpec& spec : parameters_of(config.model)) {
    const Tensor value = Tensor::zeros(spec.shape, DType::f32);
    float* x = value.data<float>();
    if (spec.name == "final_norm.gain") std::fill_n(x, value.elements(), 1.0f);
    for (std::int32_t id = 0; id < kVocab; ++id) {
      if (spec.name == "embedding.tokens") x[id * kVocab + id] = 1;
      if (spec.name == "head.weight") x[next[id] * kVocab + id] = 1;
    }
    parameters.push_back({spec.name, value});
  }
  export_model(folder, {.config = config, .parameters = parameters, .tokenizer = tokenizer.get()});
}

}  // namespace stemma::checkpoint::testing

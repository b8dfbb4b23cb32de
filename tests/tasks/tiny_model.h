// Folders of tiny pre-trained models to fine-tune, and rows that they can learn.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "checkpoint/export.h"
#include "models/family.h"
#include "models/model.h"
#include "nn/fresh_weights.h"
#include "tests/text/small_tokenizers.h"

namespace stemma::tasks {

// A model of random weights with the tokenizer of letters (bert) or bytes (others).
inline void write_tiny_model(const std::filesystem::path& folder, const std::string& family,
                             double dropout = 0.1) {
  const auto tokenizer = family == "bert" ? letter_tokenizer() : byte_tokenizer();
  checkpoint::ConfigFile file;
  ModelConfig& c = file.model;
  c = family_named(family).defaults();
  c.vocab = tokenizer->vocab_size();
  c.context = 64;
  c.channels = 36;
  c.heads = 3;
  c.layers = 2;
  c.hidden = family == "gpt1" ? 144 : 72;  // GPT-1's files have 4 C
  c.embedding_dropout = c.attention_dropout = c.residual_dropout = dropout;
  if (family == "llama") c.embedding_dropout = c.residual_dropout = 0, c.kv_heads = 1;
  c.weight_std = 0.15;
  if (tokenizer->end_of_text()) file.eos_token = *tokenizer->end_of_text();
  nn::FreshWeights weights(5);
  std::vector<checkpoint::NamedTensor> parameters;
  for (const nn::ParameterSpec& spec : parameters_of(c))
    parameters.push_back({spec.name, weights.load(spec).value()});
  checkpoint::export_model(
      folder, {.config = file, .parameters = parameters, .tokenizer = tokenizer.get()});
}

// Words of letters, others for each row; those of class "one" begin with a or b.
inline std::string tiny_text(int row, bool one) {
  std::string text;
  for (int w = 0; w < 2 + row * 7 % 5; ++w) {
    const int first = one ? (row + w) % 2 : 10 + (row * 3 + w * 5) % 12;
    text += std::string(w ? " " : "") + static_cast<char>('a' + first);
    for (int i = (row + w) % 3; i > 0; --i) text += static_cast<char>('a' + (row * 11 + i) % 26);
  }
  return text;
}

// "text,label" rows of two labels in turns.
inline void write_tiny_csv(const std::filesystem::path& path, int rows, int first = 0) {
  std::ofstream file(path);
  file << "text,label\n";
  for (int i = first; i < first + rows; ++i)
    file << tiny_text(i, i % 2 == 0) << (i % 2 == 0 ? ",one\n" : ",other\n");
}

}  // namespace stemma::tasks

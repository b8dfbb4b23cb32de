// The options of `tokenizer train`.
//
//   declare(flags, command.options);
//   BpeTrainer trainer(flags.options());
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/options.h"
#include "data/documents.h"
#include "text/bpe_trainer.h"
#include "text/split/splitter.h"

namespace stemma::cli {

struct TrainerFlags {
  std::vector<std::string> input;
  std::string output;
  DocumentOptions documents;
  std::int64_t vocab_size = 32768, min_frequency = 2, memory_bytes = std::int64_t{2} << 30;
  std::int64_t threads = 0;
  std::string kind = "bpe", split = split::splitter_names().front(), digits = "keep";
  std::vector<std::string> special_token;
  bool lowercase = false, json = false;

  // Pieces go to disk, if they must, where `output` will be.
  BpeTrainerOptions options() const;
};

void declare(TrainerFlags& flags, OptionSet& options);

}  // namespace stemma::cli

// `stemma generate --beams N`: beam search instead of choosing token by token.
#pragma once

#include <cstdint>
#include <span>

#include "base/json.h"
#include "base/options.h"
#include "cli/model/generate_options.h"
#include "infer/beam_search.h"

namespace stemma::cli {

struct BeamFlags {
  std::int64_t beams = 1;
  double length_penalty = 1;
  bool early_stopping = false;
};

void declare(BeamFlags& flags, OptionSet& options);
// Throws invalid_argument for flags that only choosing token by token has.
void check_beam_flags(const BeamFlags& flags, const OptionSet& options);
std::vector<infer::BeamText> search_beams(const infer::LoadedModel& model,
                                          std::span<const std::int32_t> prompt,
                                          const BeamFlags& flags,
                                          const infer::GenerateOptions& writing);
// Of all texts, for --json.
Json to_json(std::span<const infer::BeamText> texts);

}  // namespace stemma::cli

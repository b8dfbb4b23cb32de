// Where a training run stands: everything beside the weights and the optimizer's moments.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/json.h"

namespace stemma::checkpoint {

struct TrainingState {
  std::int64_t step = 0;                // optimizer steps done
  std::int64_t sequences_consumed = 0;  // the whole state of the data sampler
  std::int64_t tokens = 0;              // tokens trained on
  std::uint64_t seed = 0;
  std::uint64_t recipe_hash = 0;  // of the resolved recipe: a resume compares it
  Json extra;                     // what else the trainer keeps (an object), such as its precision

  bool operator==(const TrainingState& other) const;
};

Json to_json(const TrainingState& state);
// Throws corrupt, naming `where` and the key: something missing, of another type or negative.
TrainingState parse_training_state(const Json& json, std::string_view where);

}  // namespace stemma::checkpoint

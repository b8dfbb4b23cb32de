// Whether a run may go on from what its folder holds.
#pragma once

#include <cstdint>

namespace stemma::train {

enum class Resume : std::uint8_t {
  never,      // the folder must not hold a run
  automatic,  // from the newest whole checkpoint; from the start where there is none
};

}  // namespace stemma::train

// What a load test measured, as an SVG picture: how many of the clients had waited no longer than a
// given time (cumulative distributions), on a logarithmic axis.
#pragma once

#include <string>

#include "serve/load/load.h"

namespace stemma::serve {

// A whole file: light and dark, without scripts. Of a result without answers: axes alone.
std::string load_svg(const LoadResult& result);

}  // namespace stemma::serve

// What `stemma load` measured, as JSON and as a table for people.
#pragma once

#include <string>

#include "base/json.h"
#include "serve/load/load.h"

namespace stemma::cli {

Json load_json(const serve::LoadResult& result);
std::string load_table(const serve::LoadResult& result);

}  // namespace stemma::cli

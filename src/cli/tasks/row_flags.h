// Where rows have their texts: what the command line says, and for the rest what the model was
// trained on.
#pragma once

#include "data/labelled/rows.h"

namespace stemma::cli {

// `given`: of the command line; `trained`: of the model. Whatever is at its default in `given` is
// taken from `trained`.
labelled::RowOptions columns_for(const labelled::RowOptions& given,
                                 const labelled::RowOptions& trained, bool needs_label);

}  // namespace stemma::cli

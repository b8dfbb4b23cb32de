// POST /v1/completions: text to be continued.
#pragma once

#include <memory>

#include "base/json.h"
#include "serve/api/fields.h"
#include "serve/http/exchange.h"
#include "serve/metrics.h"
#include "serve/model_host.h"

namespace stemma::serve {

// Answers the request. Throws ApiError where it is wrong.
void complete_text(const std::shared_ptr<Exchange>& exchange, std::shared_ptr<ModelHost> host,
                   Metrics& metrics, Fields& fields);

}  // namespace stemma::serve

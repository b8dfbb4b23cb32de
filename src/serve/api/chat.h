// POST /v1/chat/completions: a conversation to be answered.
#pragma once

#include <memory>

#include "serve/api/fields.h"
#include "serve/http/exchange.h"
#include "serve/metrics.h"
#include "serve/model_host.h"

namespace stemma::serve {

// Answers the request. Throws ApiError where it is wrong.
void answer_chat(const std::shared_ptr<Exchange>& exchange, std::shared_ptr<ModelHost> host,
                 Metrics& metrics, Fields& fields);

}  // namespace stemma::serve

// POST /v1/responses: an answer to messages, calls and results, as OpenAI's newer API has it. The
// server keeps nothing: each request brings the whole conversation.
#pragma once

#include <memory>

#include "serve/api/fields.h"
#include "serve/http/exchange.h"
#include "serve/metrics.h"
#include "serve/model_host.h"

namespace stemma::serve {

// Throws ApiError, and as infer::chat_prompt and ModelHost::check.
void answer_response(const std::shared_ptr<Exchange>& exchange, std::shared_ptr<ModelHost> host,
                     Metrics& metrics, Fields& fields);

}  // namespace stemma::serve

// POST /v1/embeddings: vectors of texts.
#pragma once

#include <memory>

#include "serve/api/fields.h"
#include "serve/http/exchange.h"
#include "serve/model_host.h"

namespace stemma::serve {

// Answers the request. Throws ApiError where it is wrong.
void embed_texts(const std::shared_ptr<Exchange>& exchange, std::shared_ptr<ModelHost> host,
                 Fields& fields);

}  // namespace stemma::serve

// POST /v1/rerank: documents in the order in which they fit a query, as Cohere's and Jina's APIs
// have it.
//
//   {"model": ..., "query": "...", "documents": ["...", {"text": "..."}], "top_n": 3}
//
// gives {"model", "results": [{"index", "relevance_score", "document": {"text"}}], "usage"}, the
// best document first.
#pragma once

#include <memory>

#include "serve/api/fields.h"
#include "serve/http/exchange.h"
#include "serve/registry.h"

namespace stemma::serve {

// A fine-tuned model of pairs reads query and document together: its number, or the probability of
// 'entailment', or of the second of two labels. Any other model with vectors: their cosine. Throws
// ApiError.
void rerank_documents(const std::shared_ptr<Exchange>& exchange, const Served& served,
                      Fields& fields);

}  // namespace stemma::serve

// POST /v1/classify: rows for a fine-tuned model, answered as `stemma predict` answers them.
#pragma once

#include <memory>

#include "serve/api/fields.h"
#include "serve/http/exchange.h"
#include "serve/task_host.h"

namespace stemma::serve {

//   {"model": ..., "input": "a fine film"}                                   classification, tokens
//   {"input": [{"text": "A man sleeps.", "second": "A man is awake."}]}      pairs
//   {"input": [{"text": "He took the", "choices": ["train", "moon"]}]}       choice
//   {"input": [{"words": ["Anna", "sings"]}]}                                tokens
//
// gives {"object": "list", "model", "task", "data": [{"index", "label", ...}], "usage"}. Throws
// ApiError.
void classify_rows(const std::shared_ptr<Exchange>& exchange, std::shared_ptr<TaskHost> host,
                   Fields& fields);

}  // namespace stemma::serve

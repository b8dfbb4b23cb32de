// Errors as OpenAI's API has them: {"error": {"message", "type", "param", "code"}} with a status.
//
//   throw ApiError(400, "temperature must be between 0 and 2, got 3", "temperature");
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "base/error.h"
#include "serve/http/exchange.h"

namespace stemma::serve {

class ApiError : public Error {
 public:
  // param: the field that is wrong; code: a word for programs. Empty: null in the answer.
  ApiError(int http_status, const std::string& message, std::string field = {},
           std::string word = {})
      : Error(ErrorCode::invalid_argument, message),
        status(http_status),
        param(std::move(field)),
        code(std::move(word)) {}

  int status;
  std::string param, code;
  double retry_seconds = 1;  // of 429 and 503: when it is worth while to ask again
};

// The body of an error answer.
std::string error_body(int status, const std::string& message, const std::string& param = {},
                       const std::string& code = {});

// What an exception is for the client: an ApiError as it says, another Error by its code, anything
// else 500.
HttpResponse error_response(const std::exception_ptr& error);

}  // namespace stemma::serve

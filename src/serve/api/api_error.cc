#include "serve/api/api_error.h"

#include <cmath>
#include <string>

#include "base/json.h"
#include "base/log.h"

namespace stemma::serve {
namespace {

const char* type_of(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    case 503:
      return "overloaded_error";
    default:
      return status < 500 ? "invalid_request_error" : "server_error";
  }
}

int status_of(stemma::ErrorCode code) {
  switch (code) {
    case stemma::ErrorCode::invalid_argument:
    case stemma::ErrorCode::unsupported:
      return 400;
    case stemma::ErrorCode::not_found:
      return 404;
    case stemma::ErrorCode::out_of_memory:
    case stemma::ErrorCode::communication:
      return 503;
    default:
      return 500;
  }
}

// A message of the library begins with the place in brackets, which says nothing to a client.
std::string without_place(const std::string& message) {
  const std::size_t end = message.starts_with('[') ? message.find("] ") : std::string::npos;
  return end == std::string::npos ? message : message.substr(end + 2);
}

}  // namespace

std::string error_body(int status, const std::string& message, const std::string& param,
                       const std::string& code) {
  const auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  return Json::object({{"error", Json::object({{"message", message},
                                               {"type", type_of(status)},
                                               {"param", or_null(param)},
                                               {"code", or_null(code)}})}})
      .dump();
}

HttpResponse error_response(const std::exception_ptr& error) {
  HttpResponse response;
  std::string message, param, code;
  double retry_seconds = 1;
  try {
    std::rethrow_exception(error);
  } catch (const ApiError& e) {
    response.status = e.status;
    message = e.what();
    param = e.param;
    code = e.code;
    retry_seconds = e.retry_seconds;
  } catch (const Error& e) {
    response.status = status_of(e.code());
    message = without_place(e.what());
  } catch (const std::exception& e) {
    response.status = 500;
    message = e.what();
  }
  if (response.status >= 500) log_error("[serve] " + message);
  if (response.status == 429 || response.status == 503)
    response.headers.emplace_back("Retry-After",
                                  std::to_string(std::lround(std::ceil(retry_seconds))));
  response.body = error_body(response.status, message, param, code);
  return response;
}

}  // namespace stemma::serve

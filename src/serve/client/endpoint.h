// Where a server of OpenAI's API is.
//
//   const Endpoint at = Endpoint::of_url("http://127.0.0.1:8080/v1");
#pragma once

#include <cstdint>
#include <string>

namespace stemma::serve {

struct Endpoint {
  std::string host = "127.0.0.1", base_path = "/v1";
  std::uint16_t port = 8080;
  bool tls = false;

  // http://HOST[:PORT][/PATH] or https://...; without a path that of the API, /v1. Throws
  // invalid_argument.
  static Endpoint of_url(const std::string& url);
  std::string url() const;
};

}  // namespace stemma::serve

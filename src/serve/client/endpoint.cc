#include "serve/client/endpoint.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::serve {

Endpoint Endpoint::of_url(const std::string& url) {
  constexpr std::string_view kPlain = "http://", kTls = "https://";
  const auto refuse = [&] {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[url] --url must look like http://127.0.0.1:8080/v1 or "
                            "https://HOST/v1, got '{}'",
                            url));
  };
  Endpoint at;
  at.tls = url.starts_with(kTls);
  if (!at.tls && !url.starts_with(kPlain)) refuse();
  std::string rest = url.substr(at.tls ? kTls.size() : kPlain.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  if (rest.size() > slash + 1) at.base_path = rest.substr(slash);
  if (at.base_path.ends_with('/')) at.base_path.pop_back();
  rest.resize(slash);
  const std::size_t colon = rest.rfind(':');
  at.host = rest.substr(0, colon);
  int port = at.tls ? 443 : 80;
  if (colon != std::string::npos) {
    const std::string digits = rest.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc() || end != digits.data() + digits.size() || port < 1 || port > 65535)
      refuse();
  }
  if (at.host.empty()) refuse();
  at.port = static_cast<std::uint16_t>(port);
  return at;
}

std::string Endpoint::url() const {
  return fmt::format("{}://{}:{}{}", tls ? "https" : "http", host, port, base_path);
}

}  // namespace stemma::serve

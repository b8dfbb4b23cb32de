#include "serve/client/endpoint.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::serve {

Endpoint Endpoint::of_url(const std::string& url) {
  constexpr std::string_view kScheme = "http://";
  const auto refuse = [&] {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[url] --url must look like http://127.0.0.1:8080/v1, got '{}' (https "
                            "is a reverse proxy's matter)",
                            url));
  };
  if (!url.starts_with(kScheme)) refuse();
  Endpoint at;
  std::string rest = url.substr(kScheme.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  if (rest.size() > slash + 1) at.base_path = rest.substr(slash);
  if (at.base_path.ends_with('/')) at.base_path.pop_back();
  rest.resize(slash);
  const std::size_t colon = rest.rfind(':');
  at.host = rest.substr(0, colon);
  int port = 80;
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

}  // namespace stemma::serve

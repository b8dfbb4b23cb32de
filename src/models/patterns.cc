#include "models/patterns.h"

#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma {
namespace {

using Kind = kernels::AttentionPattern::Kind;

constexpr std::array<std::pair<std::string_view, Kind>, 4> kNames{{{"dense", Kind::dense},
                                                                   {"local", Kind::local},
                                                                   {"dilated", Kind::dilated},
                                                                   {"strided", Kind::strided}}};

}  // namespace

kernels::AttentionPattern pattern_named(std::string_view name) {
  const std::size_t colon = name.find(':');
  kernels::AttentionPattern pattern;
  bool known = false;
  for (const auto& [kind_name, kind] : kNames)
    if (name.substr(0, colon) == kind_name) {
      pattern.kind = kind;
      known = true;
    }
  if (colon != std::string_view::npos) {
    const std::string_view k = name.substr(colon + 1);
    const auto [end, error] = std::from_chars(k.data(), k.data() + k.size(), pattern.k);
    known = known && error == std::errc() && end == k.data() + k.size() && pattern.k >= 1 &&
            pattern.kind != Kind::dense;
  }
  if (!known)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[config] an attention pattern is dense, local:K, dilated:K or "
                            "strided:K with K tokens, got '{}'",
                            name));
  return pattern;
}

std::string to_string(const kernels::AttentionPattern& pattern) {
  for (const auto& [name, kind] : kNames)
    if (kind == pattern.kind && kind != Kind::dense) return fmt::format("{}:{}", name, pattern.k);
  return "dense";
}

std::vector<kernels::AttentionPattern> repeated_patterns(const std::vector<std::string>& names,
                                                         std::int64_t layers) {
  std::vector<kernels::AttentionPattern> patterns;
  for (std::int64_t layer = 0; layer < layers && !names.empty(); ++layer)
    patterns.push_back(pattern_named(names[static_cast<std::size_t>(layer) % names.size()]));
  return patterns;
}

}  // namespace stemma

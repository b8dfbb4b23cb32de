#include "serve/keys.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"

namespace stemma::serve {
namespace {

constexpr std::uint64_t kMostKeyBytes = 1 << 20;
constexpr std::size_t kLeastKey = 8;

bool same_text(std::string_view shown, std::string_view key) {
  unsigned different = shown.size() == key.size() ? 0 : 1;
  for (std::size_t i = 0; i < shown.size(); ++i)
    different |=
        static_cast<unsigned char>(shown[i]) ^ static_cast<unsigned char>(key[i % key.size()]);
  return different == 0;
}

}  // namespace

Keys Keys::of_file(const std::filesystem::path& file) {
  Keys keys;
  const std::string text = read_file(file, kMostKeyBytes);
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.starts_with('#')) continue;
    const bool plain =
        std::ranges::all_of(line, [](unsigned char c) { return c > ' ' && c < 0x7f; });
    if (line.size() < kLeastKey || !plain)
      throw Error(ErrorCode::corrupt,
                  fmt::format("[serve] {} line {}: a key must have at least {} characters, without "
                              "blanks",
                              file.string(), number, kLeastKey));
    keys.keys_.push_back(std::move(line));
  }
  if (keys.keys_.empty())
    throw Error(ErrorCode::corrupt,
                fmt::format("[serve] {} has no key: write one in each line", file.string()));
  return keys;
}

bool Keys::allow(std::string_view authorization) const {
  if (keys_.empty()) return true;
  constexpr std::string_view kBearer = "Bearer ";
  if (!authorization.starts_with(kBearer)) return false;
  authorization.remove_prefix(kBearer.size());
  bool allowed = false;
  for (const std::string& key : keys_) allowed |= same_text(authorization, key);
  return allowed;
}

}  // namespace stemma::serve

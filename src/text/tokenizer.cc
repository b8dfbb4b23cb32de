#include "text/tokenizer.h"

#include <fmt/format.h>

#include "base/error.h"
#include "text/hugging_face.h"
#include "text/published.h"

namespace stemma {

std::size_t Tokenizer::last_boundary(std::string_view) const { return 0; }

void Tokenizer::decode(std::span<const std::int32_t> ids, std::string& text) const {
  for (const std::int32_t id : ids) text += bytes_of(id);
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids) const {
  std::string text;
  decode(ids, text);
  return text;
}

// A built-in name wins over a folder of that name, so that it means the same everywhere.
std::shared_ptr<const Tokenizer> open_tokenizer(const std::string& source) {
  if (auto published = published_tokenizer(source)) return published;
  std::error_code error;
  if (!std::filesystem::exists(source, error))
    throw Error(
        ErrorCode::not_found,
        fmt::format("[tokenizer] '{}' is neither a folder, a tokenizer.json nor the name of "
                    "a built-in encoding ({})",
                    source, published_names()));
  return read_hugging_face(source);
}

}  // namespace stemma

#include "text/tokenizer.h"

#include <fmt/format.h>

#include "base/error.h"
#include "text/hugging_face.h"
#include "text/published.h"
#include "text/tiktoken_file.h"

namespace stemma {

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
        fmt::format("[tokenizer] '{}' is neither a folder, a file (tokenizer.json, .tiktoken) nor "
                    "the name of a built-in encoding ({})",
                    source, published_names()));
  const std::filesystem::path path = source;
  if (path.extension() == ".tiktoken") return read_tiktoken(path);
  return read_hugging_face(path);
}

}  // namespace stemma

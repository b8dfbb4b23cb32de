#include "cli/serve/api_key.h"

#include <algorithm>
#include <cstdlib>

#include "base/file.h"

namespace stemma::cli {

std::string api_key(const std::string& file) {
  if (!file.empty()) {
    std::string text = read_file(file, 1 << 16);
    text.resize(std::min(text.find_first_of(" \r\n"), text.size()));
    return text;
  }
  const char* key = std::getenv("OPENAI_API_KEY");
  return key ? key : "";
}

}  // namespace stemma::cli

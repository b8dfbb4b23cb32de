// Which Stemma this is.
#pragma once

#include <string>

namespace stemma::cli {

inline constexpr const char* kVersion = "0.1.0";

inline std::string version_text() { return std::string("stemma ") + kVersion + "\n"; }

}  // namespace stemma::cli

// Which Stemma this is.
#pragma once

#include <string>

namespace stemma::cli {

inline constexpr const char* kVersion = STEMMA_VERSION;  // the project's, from CMake

inline std::string version_text() { return std::string("stemma ") + kVersion + "\n"; }

}  // namespace stemma::cli

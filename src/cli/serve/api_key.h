// The key that clients show to a server, kept out of the command line, which others can see.
#pragma once

#include <string>

namespace stemma::cli {

// The first word of a file; without one ("") the environment variable OPENAI_API_KEY, or nothing.
// Throws not_found, device.
std::string api_key(const std::string& file);

}  // namespace stemma::cli

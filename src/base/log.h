// Log lines for people, on standard error through spdlog. From any thread.
//
// The environment variable STEMMA_LOG is a comma list of one level (debug, info, warning, error:
// what is below it stays silent; info unless told) and of topics, read once:
//
//   STEMMA_LOG=kernels stemma train ...        // also why a fast kernel refused
//   log_topic("kernels", "amx refused: the processor or the system does not have it");
#pragma once

#include <string_view>

namespace stemma {

void log_debug(std::string_view text);
void log_info(std::string_view text);
void log_warning(std::string_view text);  // "warning: ..."
void log_error(std::string_view text);    // "error: ..."

// "<topic>: ...", only when STEMMA_LOG names the topic or "all".
void log_topic(std::string_view topic, std::string_view text);
// Ask first where making the text costs something.
bool log_topic_enabled(std::string_view topic);

}  // namespace stemma

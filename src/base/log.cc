#include "base/log.h"

#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace stemma {
namespace {

std::optional<spdlog::level::level_enum> level_named(std::string_view name) {
  if (name == "debug") return spdlog::level::debug;
  if (name == "info") return spdlog::level::info;
  if (name == "warning") return spdlog::level::warn;
  if (name == "error") return spdlog::level::err;
  return std::nullopt;
}

// One per process, because standard error is: immutable once made.
class Log {
 public:
  static const Log& instance() {
    static const Log log;
    return log;
  }

  bool has_topic(std::string_view topic) const {
    return topics_.contains(topic) || topics_.contains("all");
  }
  void write(spdlog::level::level_enum level, std::string_view prefix,
             std::string_view text) const {
    if (logger_->should_log(level)) logger_->log(level, "{}{}", prefix, text);
  }

 private:
  Log()
      : logger_(std::make_shared<spdlog::logger>(
            "stemma", std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
    // On a terminal, a progress line may stand where the text is to come: erase it first.
    logger_->set_pattern(::isatty(STDERR_FILENO) == 1 ? "\r\x1b[K%v" : "%v");
    const char* const settings = std::getenv("STEMMA_LOG");
    std::string_view rest = settings != nullptr ? settings : "";
    while (!rest.empty()) {
      const std::string_view word = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(word.size() + 1, rest.size()));
      if (const auto level = level_named(word))
        logger_->set_level(*level);
      else if (!word.empty())
        topics_.emplace(word);
    }
  }

  std::shared_ptr<spdlog::logger> logger_;
  std::set<std::string, std::less<>> topics_;
};

}  // namespace

void log_debug(std::string_view text) {
  Log::instance().write(spdlog::level::debug, "debug: ", text);
}
void log_info(std::string_view text) { Log::instance().write(spdlog::level::info, "", text); }
void log_warning(std::string_view text) {
  Log::instance().write(spdlog::level::warn, "warning: ", text);
}
void log_error(std::string_view text) {
  Log::instance().write(spdlog::level::err, "error: ", text);
}

void log_topic(std::string_view topic, std::string_view text) {
  // A topic was asked for by name, so no level silences it.
  if (log_topic_enabled(topic))
    Log::instance().write(spdlog::level::critical, fmt::format("{}: ", topic), text);
}

bool log_topic_enabled(std::string_view topic) { return Log::instance().has_topic(topic); }

}  // namespace stemma

#include "base/progress.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace stemma {
namespace {

// Three significant digits and a unit that steps by 1000: 1234567 -> "1.23 M". Rounding comes
// before the choice of the unit, so that 999.9 k reads "1.00 M" and not "1000 k".
template <std::size_t N>
std::string with_prefix(double value, const std::array<const char*, N>& units) {
  std::size_t unit = 0;
  while (unit + 1 < N && std::abs(value) >= 999.5) {
    value /= 1000;
    ++unit;
  }
  const double size = std::abs(value);
  const int decimals = size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, units[unit]);
}

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written <= 0) return;  // nobody can be told
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// Cuts to `columns` characters of UTF-8 (each counted as one column), never inside one.
std::string_view cut(std::string_view text, std::size_t columns) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool starts_character = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (starts_character && seen++ == columns) return text.substr(0, i);
  }
  return text;
}

std::size_t terminal_columns(int descriptor) {
  winsize size = {};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  static constexpr std::array kUnits = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  return with_prefix(static_cast<double>(bytes), kUnits);
}

std::string format_count(double count) {
  if (!std::isfinite(count)) return "unknown";
  if (std::abs(count) < 9999.5) return fmt::format("{:.4g}", count);
  static constexpr std::array kUnits = {"", "k", "M", "B", "T"};
  return with_prefix(count, kUnits);
}

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e15) return "unknown";
  if (seconds < 0.0995) return fmt::format("{:.0f} ms", seconds * 1000);
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  const auto s = static_cast<std::int64_t>(std::llround(seconds));
  const auto two = [](std::int64_t large, const char* name, std::int64_t small,
                      const char* small_name) {
    return small == 0 ? fmt::format("{} {}", large, name)
                      : fmt::format("{} {} {} {}", large, name, small, small_name);
  };
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return two(s / 60, "min", s % 60, "s");
  const std::int64_t minutes = (s + 30) / 60;
  if (minutes < 24 * 60) return two(minutes / 60, "h", minutes % 60, "min");
  const std::int64_t hours = (s + 1800) / 3600;
  return two(hours / 24, "d", hours % 24, "h");
}

std::string format_rate(double per_second, std::string_view unit) {
  return fmt::format("{} {}/s", format_count(per_second), unit);
}

std::string fitting_line(std::vector<ProgressPart> parts, std::size_t columns) {
  std::erase_if(parts, [](const ProgressPart& part) { return part.text.empty(); });
  for (;;) {
    std::string line;
    for (const ProgressPart& part : parts) line += (line.empty() ? "" : "  ") + part.text;
    if (line.size() <= columns || parts.size() <= 1) return line;
    parts.erase(std::min_element(parts.begin(), parts.end(), [](const auto& a, const auto& b) {
      return a.importance < b.importance;
    }));
  }
}

EtaEstimator::EtaEstimator(double total, double done, Clock::time_point now)
    : total_(total), done_(done), last_(now) {}

void EtaEstimator::update(double done, Clock::time_point now) {
  const double seconds = std::chrono::duration<double>(now - last_).count();
  if (seconds <= 0 || done <= done_) return;
  constexpr double kHalfLifeSeconds = 30;
  const double keep = std::exp2(-seconds / kHalfLifeSeconds);
  rates_ = keep * rates_ + (1 - keep) * (done - done_) / seconds;
  weights_ = keep * weights_ + (1 - keep);
  done_ = done;
  last_ = now;
}

double EtaEstimator::remaining_seconds() const {
  if (done_ >= total_) return 0;
  return rate() > 0 ? (total_ - done_) / rate() : -1;
}

ProgressLine::ProgressLine(std::chrono::milliseconds plain_interval)
    : ProgressLine(plain_interval, STDERR_FILENO) {}

ProgressLine::ProgressLine(std::chrono::milliseconds plain_interval, int descriptor)
    : descriptor_(descriptor),
      terminal_(::isatty(descriptor) == 1),
      interval_(terminal_ ? std::chrono::milliseconds(100) : plain_interval) {}

ProgressLine::~ProgressLine() { finish(); }

void ProgressLine::update(std::string_view text) {
  text_ = text;
  pending_ = true;
  if (!shown_once_ || std::chrono::steady_clock::now() - shown_at_ >= interval_) show();
}

void ProgressLine::show() {
  if (terminal_) {
    // Back to the column 0, the text, and erase what a longer text left. A text as wide as the
    // terminal would wrap, and the next could not overwrite it.
    write_all(descriptor_,
              fmt::format("\r{}\x1b[K", cut(text_, terminal_columns(descriptor_) - 1)));
    line_open_ = true;
  } else {
    write_all(descriptor_, text_ + "\n");
  }
  shown_at_ = std::chrono::steady_clock::now();
  shown_once_ = true;
  pending_ = false;
}

void ProgressLine::finish() {
  if (pending_) show();
  if (line_open_) write_all(descriptor_, "\n");
  line_open_ = false;
  shown_once_ = false;
}

}  // namespace stemma

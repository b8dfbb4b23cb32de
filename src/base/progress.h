// Numbers for people, and one line that shows how long work is going. Standard error only: standard
// output belongs to results.
//
//   ProgressLine line;
//   EtaEstimator eta(steps);
//   for (...) {
//     eta.update(step);
//     line.update(fmt::format("step {}, {} left", step, format_duration(eta.remaining_seconds())));
//   }
//   line.finish();
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stemma {

// "0 B", "999 B", "1.20 kB", "12.3 GB": powers of 1000, three significant digits.
std::string format_bytes(std::uint64_t bytes);
// "0", "9999", "12.3 k", "124 M", "1.50 B" (10^9).
std::string format_count(double count);
// "12 ms", "0.8 s", "45 s", "2 min 5 s", "3 h 7 min", "2 d 4 h"; "unknown" for what is negative or
// not finite.
std::string format_duration(double seconds);
// A count a second: format_rate(1234567, "tokens") = "1.23 M tokens/s".
std::string format_rate(double per_second, std::string_view unit);

// Parts of a progress line with two spaces between them, without the least important ones where all
// would take more than `columns`: by default as many as the narrowest usual terminal shows.
struct ProgressPart {
  std::string text;  // empty: none
  int importance = 0;
};
std::string fitting_line(std::vector<ProgressPart> parts, std::size_t columns = 79);

// Seconds left, from the time the last part of the work took: half of the weight lies on the last
// 30 seconds, so that the figure follows a machine that becomes faster or slower. Not thread-safe.
class EtaEstimator {
 public:
  using Clock = std::chrono::steady_clock;
  // `total` units of work, of which `done` were done before (a resumed run).
  explicit EtaEstimator(double total, double done = 0, Clock::time_point now = Clock::now());

  // Tells that `done` of the total are done. Earlier times and smaller values are ignored.
  void update(double done, Clock::time_point now = Clock::now());

  // Units a second; 0 before the first unit is done.
  double rate() const { return weights_ > 0 ? rates_ / weights_ : 0; }
  // -1 while unknown.
  double remaining_seconds() const;

 private:
  double total_, done_;
  Clock::time_point last_;
  double rates_ = 0, weights_ = 0;  // sums in which what is older counts for less
};

// Not thread-safe.
class ProgressLine {
 public:
  // On a terminal: rewrites one line, at most ten times a second. Elsewhere (a log file): prints a
  // whole line at most every `plain_interval`, and always the last one.
  explicit ProgressLine(std::chrono::milliseconds plain_interval = std::chrono::seconds(10));
  ProgressLine(std::chrono::milliseconds plain_interval, int descriptor);
  ~ProgressLine();  // finish()
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void update(std::string_view text);
  // Shows the last text, if it was held back, and ends the line. update() may begin a new one.
  void finish();

 private:
  void show();

  const int descriptor_;
  const bool terminal_;
  const std::chrono::milliseconds interval_;
  std::chrono::steady_clock::time_point shown_at_;
  std::string text_;
  bool pending_ = false, line_open_ = false, shown_once_ = false;
};

}  // namespace stemma

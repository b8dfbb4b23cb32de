#include "infer/stop_filter.h"

#include <algorithm>
#include <utility>

namespace stemma::infer {
namespace {

// How many bytes at the end of `text` are the beginning of `stop`.
std::size_t overlap(std::string_view text, std::string_view stop) {
  for (std::size_t n = std::min(text.size(), stop.size() - 1); n > 0; --n)
    if (text.substr(text.size() - n) == stop.substr(0, n)) return n;
  return 0;
}

}  // namespace

StopFilter::StopFilter(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& s) { return s.empty(); });
}

std::string StopFilter::push(std::string_view text) {
  if (stopped_) return {};
  held_ += text;
  // Of several stops the one that is complete first counts, so that the result does not depend on
  // how the text was cut into pieces.
  std::size_t begin = std::string::npos, end = std::string::npos, keep = 0;
  for (const std::string& stop : stops_) {
    keep = std::max(keep, overlap(held_, stop));
    const std::size_t found = held_.find(stop);
    if (found == std::string::npos) continue;
    if (found + stop.size() < end || (found + stop.size() == end && found < begin)) {
      begin = found;
      end = found + stop.size();
    }
  }
  if (begin != std::string::npos) {
    stopped_ = true;
    held_.resize(begin);
    return std::exchange(held_, {});
  }
  std::string out = held_.substr(0, held_.size() - keep);
  held_.erase(0, out.size());
  return out;
}

std::string StopFilter::flush() { return std::exchange(held_, {}); }

}  // namespace stemma::infer

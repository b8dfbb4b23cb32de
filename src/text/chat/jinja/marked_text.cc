#include "text/chat/jinja/marked_text.h"

#include <algorithm>

namespace stemma::chat::jinja {

Origin MarkedText::origin(std::size_t at) const {
  return std::ranges::upper_bound(runs_, at, {}, &Run::end)->origin;
}

void MarkedText::append(std::string_view bytes, Origin origin) {
  if (bytes.empty()) return;
  bytes_ += bytes;
  if (runs_.empty() || runs_.back().origin != origin) runs_.push_back({0, origin});
  runs_.back().end = bytes_.size();
}

void MarkedText::append(const MarkedText& other, std::size_t begin, std::size_t end) {
  auto run = std::ranges::upper_bound(other.runs_, begin, {}, &Run::end);
  while (begin < end) {
    const std::size_t stop = std::min(end, run->end);
    append(std::string_view(other.bytes_).substr(begin, stop - begin), run->origin);
    begin = stop;
    ++run;
  }
}

MarkedText MarkedText::part(std::size_t begin, std::size_t end) const {
  MarkedText result;
  result.append(*this, begin, end);
  return result;
}

}  // namespace stemma::chat::jinja

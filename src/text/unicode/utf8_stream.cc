#include "text/unicode/utf8_stream.h"

#include <utility>

#include "text/unicode/utf8.h"

namespace stemma::unicode {

std::string Utf8Stream::push(std::string_view bytes) {
  std::string ready = std::exchange(pending_, {});
  ready.append(bytes);
  const std::size_t whole = ready.size() - incomplete_utf8_tail(ready);
  pending_.assign(ready, whole);
  ready.resize(whole);
  return ready;
}

std::string Utf8Stream::flush() { return std::exchange(pending_, {}); }

}  // namespace stemma::unicode

#include "text/chat/jinja/budget.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::chat::jinja {

void Budget::step(std::size_t count) {
  steps_ += std::min(count, kSteps + 1);
  if (steps_ > kSteps)
    fail(
        fmt::format("the template took more than {} steps and was stopped: it may never end; send "
                    "fewer messages or use another template",
                    kSteps));
}

void Budget::use_bytes(std::size_t bytes) {
  bytes_ += std::min(bytes, kBytes + 1);
  if (bytes_ > kBytes)
    fail(
        fmt::format("the template made or searched more than {} bytes of text and was stopped; "
                    "send fewer messages or use another template",
                    kBytes));
}

void Budget::make_text(std::size_t bytes, std::size_t new_bytes) {
  if (bytes > kTextBytes)
    fail(fmt::format("a text of {} bytes; the most is {}: send shorter messages", bytes,
                     kTextBytes));
  use_bytes(new_bytes);
}

void Budget::search(std::size_t text_bytes, std::size_t wanted_bytes) {
  // A comparison looks at many bytes at once.
  constexpr std::size_t kBytesAtOnce = 64;
  const std::size_t places = text_bytes > wanted_bytes ? text_bytes - wanted_bytes : 0;
  use_bytes(text_bytes);
  use_bytes(places * (wanted_bytes / kBytesAtOnce));
}

void Budget::fail(std::string_view what) const {
  throw Error(ErrorCode::unsupported,
              fmt::format("[chat] line {} of the chat template: {}", line, what));
}

Budget::Level::Level(Budget& budget) : budget_(budget) {
  if (budget.level_ >= kLevels)
    budget.fail(
        fmt::format("more than {} levels of expressions and macros in each other: a macro "
                    "may call itself without an end",
                    kLevels));
  ++budget.level_;
}

}  // namespace stemma::chat::jinja

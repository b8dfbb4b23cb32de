#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "tasks/metrics/entities.h"

namespace stemma::tasks {
namespace {

struct ReadTag {
  char kind = 'O';
  std::string_view label = "_";
};

ReadTag read_tag(std::string_view text) {
  const char kind = text.empty() ? '\0' : text[0];
  const bool known = kind == 'O' ? text.size() == 1
                                 : std::string_view("BIES").find(kind) != std::string_view::npos &&
                                       (text.size() == 1 || text[1] == '-');
  if (!known)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[metrics] a tag must be O, or B, I, E or S with a label after '-', got "
                    "'{}'",
                    text.substr(0, 80)));
  return {kind, text.size() > 2 ? text.substr(2) : "_"};
}

}  // namespace

std::vector<Entity> entities_of_tags(std::span<const std::string> tags) {
  std::vector<Entity> entities;
  ReadTag before;
  for (std::size_t i = 0; i < tags.size(); ++i) {
    const ReadTag tag = read_tag(tags[i]);
    const std::int64_t word = static_cast<std::int64_t>(i);
    const bool goes_on = (tag.kind == 'I' || tag.kind == 'E') &&
                         (before.kind == 'B' || before.kind == 'I') && before.label == tag.label;
    if (goes_on)
      entities.back().last = word;
    else if (tag.kind != 'O')
      entities.push_back({std::string(tag.label), word, word});
    before = tag;
  }
  return entities;
}

}  // namespace stemma::tasks

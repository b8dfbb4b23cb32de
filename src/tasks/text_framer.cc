#include "tasks/text_framer.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::tasks {

TextFramer::TextFramer(const Tokenizer& tokenizer, const std::optional<Marks>& marks,
                       std::int64_t max_tokens)
    : tokenizer_(tokenizer), marks_(marks), max_tokens_(max_tokens) {
  // What stands around shows where a text has one token that is not there otherwise.
  const std::int32_t probe = -1;
  const Framed empty = frame({}), empty_pair = frame({}, {});
  const Framed with = frame(std::span(&probe, 1));
  around_one_ = std::ssize(empty.ids);
  around_two_ = std::ssize(empty_pair.ids);
  begin_ = std::find(with.ids.begin(), with.ids.end(), probe) - with.ids.begin();
  around_ = empty_pair.ids;
  if (room() < 1 || room_of_pair() < 2)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[task] max_tokens {} leaves no room beside the {} special tokens: use "
                            "{} or more",
                            max_tokens, around_two_, around_two_ + 2));
}

std::vector<std::int32_t> TextFramer::ids(std::string_view text) const {
  std::vector<std::int32_t> ids;
  tokenizer_.encode(text, ids);
  return ids;
}

Framed TextFramer::frame(std::span<const std::int32_t> text) const {
  if (!marks_) return tokenizer_.frame(text);
  Framed framed;
  framed.ids.push_back(marks_->start);
  framed.ids.insert(framed.ids.end(), text.begin(), text.end());
  framed.ids.push_back(marks_->extract);
  framed.segments.assign(framed.ids.size(), 0);
  return framed;
}

Framed TextFramer::frame(std::span<const std::int32_t> first,
                         std::span<const std::int32_t> second) const {
  if (!marks_) return tokenizer_.frame(first, second);
  Framed framed;
  framed.ids.push_back(marks_->start);
  framed.ids.insert(framed.ids.end(), first.begin(), first.end());
  framed.ids.push_back(marks_->delimiter);
  framed.ids.insert(framed.ids.end(), second.begin(), second.end());
  framed.ids.push_back(marks_->extract);
  framed.segments.assign(framed.ids.size(), 0);
  return framed;
}

Framed TextFramer::one(std::span<const std::int32_t> text, std::int64_t& cut) const {
  const std::int64_t kept = std::min<std::int64_t>(std::ssize(text), room());
  cut += std::ssize(text) - kept;
  return frame(text.first(static_cast<std::size_t>(kept)));
}

Framed TextFramer::two(std::span<const std::int32_t> first, std::span<const std::int32_t> second,
                       std::int64_t& cut) const {
  std::int64_t a = std::ssize(first), b = std::ssize(second);
  if (const std::int64_t over = a + b - room_of_pair(); over > 0) {
    cut += over;
    // The longer one alone until both are equal, then both in turns.
    const std::int64_t apart = std::min(over, std::abs(a - b));
    (a > b ? a : b) -= apart;
    b -= (over - apart + 1) / 2;
    a -= (over - apart) / 2;
  }
  return frame(first.first(static_cast<std::size_t>(a)), second.first(static_cast<std::size_t>(b)));
}

std::vector<Framed> TextFramer::windows(std::span<const std::int32_t> text) const {
  const std::int64_t size = std::ssize(text), most = room();
  std::vector<Framed> list;
  for (std::int64_t begin = 0;; begin += std::max<std::int64_t>(most / 2, 1)) {
    const std::int64_t count = std::min(most, size - begin);
    list.push_back(
        frame(text.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count))));
    if (begin + count >= size) return list;
  }
}

bool TextFramer::is_mark(std::int32_t id) const {
  return std::find(around_.begin(), around_.end(), id) != around_.end();
}

}  // namespace stemma::tasks

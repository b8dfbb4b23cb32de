#include "text/chat/tool_calls.h"

#include <utility>

#include "base/error.h"

namespace stemma::chat {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

}  // namespace

bool CallScanner::is_arguments() const { return key_ == key_of_arguments_ || key_ == "arguments"; }

bool CallScanner::push(char c) {
  switch (state_) {
    case State::begin:
      state_ = State::key_or_end;
      return c == '{';
    case State::key_or_end:
      if (is_blank(c)) return true;
      if (c == '}') return state_ = State::done, named_;
      key_.clear();
      state_ = State::key;
      return c == '"';
    case State::key:  // the keys that matter have no escapes
      if (c == '"')
        state_ = State::colon;
      else
        key_ += c;
      return key_.size() < 256;
    case State::colon:
      if (is_blank(c)) return true;
      state_ = State::value;
      return c == ':';
    case State::value:
      return is_blank(c) || begin_value(c);
    case State::in_value:
      return in_value(c);
    case State::behind:
      if (is_blank(c)) return true;
      if (c == '}') return state_ = State::done, named_;
      state_ = State::key_or_end;
      return c == ',';
    case State::done:
      return false;
  }
  return false;
}

bool CallScanner::begin_value(char c) {
  state_ = State::in_value;
  value_.assign(1, c);
  depth_ = c == '{' || c == '[' ? 1 : 0;
  is_text_ = in_string_ = c == '"';
  escaped_ = false;
  if (is_arguments() && !is_text_) arguments_ += c;
  return true;
}

bool CallScanner::in_value(char c) {
  const bool scalar = depth_ == 0 && !is_text_;
  if (scalar && (c == ',' || c == '}' || is_blank(c))) {
    state_ = State::behind;
    return end_value() && push(c);
  }
  value_ += c;
  if (is_arguments() && !is_text_) arguments_ += c;
  if (in_string_) {
    if (escaped_)
      escaped_ = false;
    else if (c == '\\')
      escaped_ = true;
    else if (c == '"')
      in_string_ = false;
  } else if (c == '"') {
    in_string_ = true;
  } else if (c == '{' || c == '[') {
    ++depth_;
  } else if (c == '}' || c == ']') {
    --depth_;
  }
  if (scalar || in_string_ || depth_ > 0) return true;
  state_ = State::behind;
  return end_value();
}

bool CallScanner::end_value() {
  try {
    const Json value = Json::parse(value_, "a call");
    if (key_ == "name") {
      if (!value.is_string()) return false;
      name_ = value.as_string();
      named_ = true;
    }
    if (is_arguments()) has_arguments_ = true;
    if (is_arguments() && is_text_) arguments_ += value.as_string();
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::string CallScanner::take_arguments() {
  if (!named_) return {};
  if (done() && !std::exchange(has_arguments_, true)) return "{}";
  return std::exchange(arguments_, {});
}

ToolCallReader::ToolCallReader(ToolFormat format, bool begun)
    : format_(std::move(format)),
      place_(begun ? Place::between : Place::start),
      scanner_(format_.arguments) {}

void ToolCallReader::push(std::string_view piece, std::vector<ToolEvent>& events) {
  for (const char c : piece) {
    switch (place_) {
      case Place::start:
      case Place::outside:
        outside(c, events);
        break;
      case Place::between:
        between(c, events);
        break;
      case Place::inside:
        held_ += c;
        inside(c, events);
        break;
    }
  }
}

void ToolCallReader::add_text(std::string_view text, std::vector<ToolEvent>& events) {
  if (text.empty()) return;
  wrote_text_ = true;
  if (!events.empty() && events.back().kind == ToolEvent::Kind::text)
    events.back().text += text;
  else
    events.push_back({ToolEvent::Kind::text, 0, std::string(text)});
}

// Blanks before a mark are no text of the answer.
void ToolCallReader::outside(char c, std::vector<ToolEvent>& events) {
  held_ += c;
  const std::size_t first = held_.find_first_not_of(" \n\t\r");
  if (first == std::string::npos) return;
  const std::string_view begun = std::string_view(held_).substr(first);
  if (format_.begin.empty()) {  // the whole answer is a call, or none of it
    constexpr std::string_view kTag = "<|python_tag|>";
    if (place_ == Place::start && kTag.starts_with(begun)) return;
    if (place_ == Place::start && c == '{' && (begun == "{" || begun.starts_with(kTag))) {
      place_ = Place::inside;
      return inside(c, events);
    }
  } else if (format_.begin.starts_with(begun)) {
    if (begun == format_.begin) place_ = Place::between;
    return;
  }
  place_ = Place::outside;
  if (format_.begin.empty()) {
    add_text(std::exchange(held_, {}), events);
    return;
  }
  // The rest may begin a mark, or blanks before one.
  std::size_t keep = held_.size();
  for (std::size_t at = 1; at <= held_.size(); ++at) {
    const std::string_view tail = std::string_view(held_).substr(at);
    const std::size_t mark = tail.find_first_not_of(" \n\t\r");
    if (mark == std::string_view::npos || format_.begin.starts_with(tail.substr(mark))) {
      keep = at;
      break;
    }
  }
  add_text(std::string_view(held_).substr(0, keep), events);
  held_.erase(0, keep);
}

// Behind a mark or behind a call: another call, what belongs to a list of them, or the end.
void ToolCallReader::between(char c, std::vector<ToolEvent>& events) {
  held_ += c;
  if (c == '{') {
    scanner_ = CallScanner(format_.arguments);
    place_ = Place::inside;
    return inside(c, events);
  }
  if (is_blank(c) || c == ',' || c == '[') return;
  // Marks around nothing are text.
  const bool empty = !format_.begin.empty() && held_.find(format_.begin) != std::string::npos;
  if (c == ']') {
    if (!format_.listed) return;
    if (empty) return give_up(events);
    place_ = Place::outside;
    held_.clear();
    return;
  }
  const std::size_t at = held_.rfind(format_.end.empty() ? '\0' : format_.end.front());
  const std::string_view tail =
      at == std::string::npos ? std::string_view() : std::string_view(held_).substr(at);
  if (!tail.empty() && format_.end.starts_with(tail)) {
    if (tail != format_.end) return;
    if (empty) return give_up(events);
    place_ = Place::outside;
    held_.clear();
    return;
  }
  give_up(events);
}

void ToolCallReader::inside(char c, std::vector<ToolEvent>& events) {
  if (!scanner_.push(c)) return give_up(events);
  if (!open_ && scanner_.named()) {
    open_ = true;
    events.push_back({ToolEvent::Kind::begin, calls_.size(), scanner_.name()});
    calls_.push_back({scanner_.name(), {}});
  }
  if (!open_) return;
  if (std::string more = scanner_.take_arguments(); !more.empty()) {
    calls_.back().arguments += more;
    if (!events.empty() && events.back().kind == ToolEvent::Kind::arguments)
      events.back().text += more;
    else
      events.push_back({ToolEvent::Kind::arguments, calls_.size() - 1, std::move(more)});
  }
  if (!scanner_.done()) return;
  events.push_back({ToolEvent::Kind::end, calls_.size() - 1, {}});
  open_ = false;
  held_.clear();
  place_ = format_.begin.empty() ? Place::outside : Place::between;
}

// What was taken for a call is text, unless its name is out already.
void ToolCallReader::give_up(std::vector<ToolEvent>& events) {
  place_ = Place::outside;
  const std::string text = std::exchange(held_, {});
  if (!open_) add_text(text, events);
}

void ToolCallReader::finish(std::vector<ToolEvent>& events) {
  const bool blank = held_.find_first_not_of(" \n\t\r") == std::string::npos;
  const bool in_text = place_ == Place::start || place_ == Place::outside;
  if (in_text && (!blank || calls_.empty())) add_text(held_, events);
  if ((place_ == Place::inside && !open_) || (place_ == Place::between && calls_.empty()))
    add_text(held_, events);
  held_.clear();
}

}  // namespace stemma::chat

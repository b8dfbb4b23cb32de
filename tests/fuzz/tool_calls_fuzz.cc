// Any bytes as an answer that may call functions, in one of the three forms (first byte): read in
// pieces, whose lengths follow from the bytes, it has the same calls and the same text as in one.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/chat/tool_calls.h"

namespace {

using namespace stemma::chat;

const std::array<ToolFormat, 3>& formats() {
  static const std::array<ToolFormat, 3> all = {
      tool_format_of("{% if tools %}<tool_call>{% endif %}"),
      tool_format_of("{{ tools }}[TOOL_CALLS]"), tool_format_of("{{ tools }}<|python_tag|>")};
  return all;
}

struct Read {
  std::string text;
  std::vector<ToolCall> calls;
  std::vector<std::string> streamed;  // arguments by call
};

Read read(const ToolFormat& format, std::string_view answer, bool whole) {
  ToolCallReader reader(format);
  std::vector<ToolEvent> events;
  for (std::size_t at = 0; at < answer.size();) {
    const std::size_t step = whole ? answer.size() : 1 + static_cast<std::uint8_t>(answer[at]) % 5;
    const std::string_view piece = answer.substr(at, step);
    reader.push(piece, events);
    at += piece.size();
  }
  reader.finish(events);
  Read result;
  result.calls = reader.calls();
  for (const ToolEvent& event : events) {
    if (event.kind == ToolEvent::Kind::text) result.text += event.text;
    if (event.kind == ToolEvent::Kind::begin) result.streamed.resize(event.call + 1);
    if (event.kind == ToolEvent::Kind::arguments) result.streamed.at(event.call) += event.text;
  }
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view answer(reinterpret_cast<const char*>(data) + 1, size - 1);
  const ToolFormat& format = formats()[data[0] % 3];
  const Read a = read(format, answer, true), b = read(format, answer, false);
  const auto same = [](const ToolCall& x, const ToolCall& y) {
    return x.name == y.name && x.arguments == y.arguments;
  };
  if (a.text != b.text || !std::ranges::equal(a.calls, b.calls, same)) __builtin_trap();
  if (a.calls.empty() && a.streamed.empty() && a.text != answer) __builtin_trap();
  for (std::size_t i = 0; i < b.calls.size() && i < b.streamed.size(); ++i)
    if (!b.streamed[i].empty() && b.streamed[i] != b.calls[i].arguments) __builtin_trap();
  return 0;
}

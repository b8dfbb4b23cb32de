#include "text/frame.h"

namespace stemma {

Frame plain_frame() { return bos_eos_frame(std::nullopt, std::nullopt); }

Frame bos_eos_frame(std::optional<std::int32_t> bos, std::optional<std::int32_t> eos) {
  Frame frame;
  const auto add = [&](FramePart::Kind kind, std::int32_t segment) {
    if (bos) frame.pair.push_back({FramePart::Kind::special, {*bos}, segment});
    frame.pair.push_back({kind, {}, segment});
    if (eos) frame.pair.push_back({FramePart::Kind::special, {*eos}, segment});
  };
  add(FramePart::Kind::first, 0);
  frame.single = frame.pair;
  add(FramePart::Kind::second, 1);
  return frame;
}

Framed framed(const std::vector<FramePart>& parts, std::span<const std::int32_t> first,
              std::span<const std::int32_t> second) {
  Framed result;
  for (const FramePart& part : parts) {
    const std::span<const std::int32_t> ids = part.kind == FramePart::Kind::first    ? first
                                              : part.kind == FramePart::Kind::second ? second
                                                                                     : part.ids;
    result.ids.insert(result.ids.end(), ids.begin(), ids.end());
    result.segments.resize(result.ids.size(), part.segment);
  }
  return result;
}

}  // namespace stemma

#include "text/files/frame_json.h"

#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"

namespace stemma::tokenizer_files {
namespace {

using Kind = FramePart::Kind;

constexpr std::size_t kMostAdded = 1000;  // a short file could ask for a lot of memory

Json parts_json(const std::vector<FramePart>& parts,
                const std::function<std::string_view(std::int32_t)>& name_of,
                std::set<std::int32_t>& used) {
  Json list = Json::array();
  const auto add = [&](const char* kind, std::string_view id, std::int32_t segment) {
    list.push_back(Json::object({{kind, Json::object({{"id", id}, {"type_id", segment}})}}));
  };
  for (const FramePart& part : parts) {
    if (part.kind != Kind::special)
      add("Sequence", part.kind == Kind::first ? "A" : "B", part.segment);
    for (const std::int32_t id : part.ids) {
      add("SpecialToken", name_of(id), part.segment);
      used.insert(id);
    }
  }
  return list;
}

}  // namespace

void FrameReader::fail(const std::string& what) const {
  throw Error(ErrorCode::corrupt, fmt::format("[{}] its post_processor {}", where_, what));
}

Frame FrameReader::read(const Json& step) const {
  const Json* specials = step.find("special_tokens");
  const Json none = Json::object();
  if (specials == nullptr || specials->is_null()) specials = &none;
  Frame frame;
  frame.single = read_template(step.at("single"), *specials, false);
  // Older files have no pair: the second text follows the first.
  if (const Json* pair = step.find("pair"))
    frame.pair = read_template(*pair, *specials, true);
  else
    frame.pair = plain_frame().pair;
  return frame;
}

std::int32_t FrameReader::checked_id(const Json& value) const {
  const std::int64_t id = value.as_int();
  if (!has_token_(id)) fail(fmt::format("adds the id {}, which has no token", id));
  return static_cast<std::int32_t>(id);
}

std::vector<FramePart> FrameReader::read_template(const Json& list, const Json& specials,
                                                  bool pair) const {
  std::vector<FramePart> parts;
  std::size_t firsts = 0, seconds = 0, added = 0;
  for (const Json& item : list.as_array()) {
    const Json* text = item.find("Sequence");
    const Json& body = text ? *text : item.at("SpecialToken");
    FramePart part;
    part.segment = segment_of(body);
    const std::string& name = body.at("id").as_string();
    if (text == nullptr) {
      for (const Json& id : specials.at(name).at("ids").as_array())
        part.ids.push_back(checked_id(id));
    } else if (name == "A") {
      part.kind = Kind::first;
      ++firsts;
    } else if (name == "B" && pair) {
      part.kind = Kind::second;
      ++seconds;
    } else {
      fail(fmt::format("has a sequence '{}' for {}", name, pair ? "two texts" : "one text"));
    }
    added += part.ids.size();
    if (added > kMostAdded) fail(fmt::format("adds more than {} tokens to a text", kMostAdded));
    parts.push_back(std::move(part));
  }
  if (firsts != 1 || seconds != (pair ? 1u : 0u))
    throw Error(ErrorCode::unsupported,
                fmt::format("[{}] its post_processor does not take each text once", where_));
  return parts;
}

std::int32_t FrameReader::segment_of(const Json& body) const {
  const std::int64_t segment = body.get("type_id", 0);
  if (segment < 0 || segment > 0xFFFF)
    fail(fmt::format("has type_id {}, which must be 0 or 1", segment));
  return static_cast<std::int32_t>(segment);
}

Json template_processing(const Frame& frame,
                         const std::function<std::string_view(std::int32_t)>& name_of) {
  std::set<std::int32_t> used;
  const Json single = parts_json(frame.single, name_of, used);
  const Json pair = parts_json(frame.pair, name_of, used);
  Json specials = Json::object();
  for (const std::int32_t id : used) {
    const std::string name(name_of(id));
    specials.set(
        name,
        Json::object({{"id", name}, {"ids", Json::array({id})}, {"tokens", Json::array({name})}}));
  }
  return Json::object({{"type", "TemplateProcessing"},
                       {"single", single},
                       {"pair", pair},
                       {"special_tokens", specials}});
}

}  // namespace stemma::tokenizer_files

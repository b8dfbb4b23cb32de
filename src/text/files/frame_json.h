// The post-processor TemplateProcessing of a tokenizer.json, both ways.
//
//   const FrameReader reader("tokenizer.json", [&](std::int64_t id) { return id < 400; });
//   Frame frame = reader.read(root.at("post_processor"));
//   Json step = template_processing(frame, [&](std::int32_t id) { return name_of(id); });
//
// Any thread. Private to text/.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "text/frame.h"

namespace stemma::tokenizer_files {

class FrameReader {
 public:
  // has_token: whether an id stands for a token of the vocabulary.
  FrameReader(std::string where, std::function<bool(std::int64_t)> has_token)
      : where_(std::move(where)), has_token_(std::move(has_token)) {}

  // `step` is a TemplateProcessing. Throws corrupt (an id without a token, another sequence than A
  // and B, more than 1,000 tokens around a text) and unsupported (a text that is not taken once).
  Frame read(const Json& step) const;
  // Of a number in the file. Throws corrupt.
  std::int32_t checked_id(const Json& value) const;

 private:
  [[noreturn]] void fail(const std::string& what) const;
  std::vector<FramePart> read_template(const Json& list, const Json& specials, bool pair) const;
  std::int32_t segment_of(const Json& body) const;

  std::string where_;
  std::function<bool(std::int64_t)> has_token_;
};

Json template_processing(const Frame& frame,
                         const std::function<std::string_view(std::int32_t)>& name_of);

}  // namespace stemma::tokenizer_files

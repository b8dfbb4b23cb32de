// A text that knows of each byte whether the template wrote it or whether it was given as data, so
// that only the template can write control tokens.
//
//   MarkedText text("<|im_start|>", Origin::of_template);
//   text.append("user", Origin::data);
//   text.runs();     // {12, of_template}, {16, data}: where each run ends, and where it is from
//
// Cutting and joining keep the marks. A value type; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stemma::chat::jinja {

enum class Origin : std::uint8_t { of_template, data };

class MarkedText {
 public:
  struct Run {
    std::size_t end = 0;
    Origin origin = Origin::of_template;
    bool operator==(const Run&) const = default;
  };

  MarkedText() = default;
  MarkedText(std::string_view bytes, Origin origin) { append(bytes, origin); }

  const std::string& bytes() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  // Neighbours differ in their origin; none is empty.
  const std::vector<Run>& runs() const { return runs_; }
  // at < size().
  Origin origin(std::size_t at) const;

  void append(std::string_view bytes, Origin origin);
  void append(const MarkedText& other) { append(other, 0, other.size()); }
  // [begin, end) of another text.
  void append(const MarkedText& other, std::size_t begin, std::size_t end);
  MarkedText part(std::size_t begin, std::size_t end) const;

  // Each run changed by itself: change(bytes, std::string& out) appends what becomes of them.
  template <class Change>
  MarkedText changed(Change change) const {
    MarkedText result;
    std::size_t begin = 0;
    for (const Run& run : runs_) {
      std::string out;
      change(std::string_view(bytes_).substr(begin, run.end - begin), out);
      result.append(out, run.origin);
      begin = run.end;
    }
    return result;
  }

 private:
  std::string bytes_;
  std::vector<Run> runs_;
};

}  // namespace stemma::chat::jinja

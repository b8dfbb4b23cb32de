// Whole characters from a stream of bytes, for printing text while it is generated: a token may end
// inside a character.
//
//   Utf8Stream stream;
//   for (std::int32_t id : ids) std::cout << stream.push(tokenizer->bytes_of(id));
//   std::cout << stream.flush();
//
// The results joined are the bytes pushed, exactly. A result never ends inside a valid character;
// bytes that cannot become a valid character pass through as soon as that is certain. Holds at most
// 3 bytes back. One stream per text; not for several threads at once.
#pragma once

#include <string>
#include <string_view>

namespace stemma::unicode {

class Utf8Stream {
 public:
  // What became certain with `bytes`; may be empty.
  std::string push(std::string_view bytes);
  // The incomplete character at the end of the text, if any. The stream may be used again.
  std::string flush();

 private:
  std::string pending_;
};

}  // namespace stemma::unicode

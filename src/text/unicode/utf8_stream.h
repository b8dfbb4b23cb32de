// Turns a stream of bytes into whole UTF-8 characters, for text that is printed while it is
// generated: a token may end inside a character.
//
//   Utf8Stream stream;
//   for (std::int32_t id : ids) std::cout << stream.push(tokenizer->bytes_of(id));
//   std::cout << stream.flush();
//
// Joined, the results are exactly the bytes that were pushed. No result ends inside a valid
// character; bytes that cannot become a valid character are passed on as soon as that is certain.
// At most 3 bytes are held back. One stream for each text; not for several threads at once.
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

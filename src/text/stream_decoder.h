// Turns ids that come one at a time into text, whole characters only: a token may end inside a
// character.
//
//   StreamDecoder stream(*tokenizer);
//   for (std::int32_t id : ids) std::cout << stream.push(id);
//   std::cout << stream.finish();
//
// Joined, the results are the bytes of the ids (Tokenizer::bytes_of()). At most 3 bytes are held
// back (unicode/utf8_stream.h). The decoder keeps a reference to the tokenizer. One text at a time;
// not for several threads at once.
#pragma once

#include <cstdint>
#include <string>

#include "text/tokenizer.h"
#include "text/unicode/utf8_stream.h"

namespace stemma {

class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  // What became certain with this token; may be empty. Throws as bytes_of().
  std::string push(std::int32_t id) { return characters_.push(tokenizer_.bytes_of(id)); }
  // The incomplete character at the end, if any. The stream may be used again.
  std::string finish() { return characters_.flush(); }

 private:
  const Tokenizer& tokenizer_;
  unicode::Utf8Stream characters_;
};

}  // namespace stemma

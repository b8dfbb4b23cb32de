// Encodes a text that comes in chunks of any size, cut anywhere, also inside words and characters.
// The ids are exactly those of the whole text.
//
//   StreamEncoder stream(*tokenizer);
//   while (read(chunk)) stream.push(chunk, ids);   // appends ids whenever a block is full
//   stream.finish(ids);                            // appends those of the rest
//
// The encoder collects a block of text and encodes it up to the last boundary in it
// (Tokenizer::last_boundary()). So it holds one block, or twice the longest stretch without a
// boundary, whichever is more. Such a stretch is one endless word, or the whole text where the
// tokenizer knows no boundaries. Time is linear in the text, whatever the chunks are.
//
// The encoder keeps references to the tokenizer and the workers. One text at a time; not for
// several threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/threads.h"
#include "text/tokenizer.h"

namespace stemma {

class StreamEncoder {
 public:
  static constexpr std::size_t kBlockBytes = 4 << 20;

  struct Options {
    std::size_t block_bytes = kBlockBytes;  // at least 1
    // Each block is encoded by all of them (encode_batch.h) and should have kBlockBytes for each;
    // null: by the calling thread.
    Workers* workers = nullptr;
  };
  explicit StreamEncoder(const Tokenizer& tokenizer) : StreamEncoder(tokenizer, Options()) {}
  StreamEncoder(const Tokenizer& tokenizer, Options options);

  // The next bytes of the text; appends the ids that became certain.
  void push(std::string_view chunk, std::vector<std::int32_t>& ids);
  // The end of the text: appends all other ids. The stream may be used for another text.
  void finish(std::vector<std::int32_t>& ids);

  // How much text is held back now.
  std::size_t pending_bytes() const { return pending_.size(); }

 private:
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const;

  const Tokenizer& tokenizer_;
  Options options_;
  std::size_t wanted_bytes_;  // of pending text, before it is looked at again
  std::string pending_;
};

}  // namespace stemma

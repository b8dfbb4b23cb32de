// The text side of a generation: tokens to whole characters, held back where a stop string may
// begin, and passed to the listener.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "infer/request.h"
#include "infer/stop_filter.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"

namespace stemma::infer {

class TextOut {
 public:
  // Both must outlive this. Without a tokenizer (null) there is no text.
  TextOut(const Tokenizer* tokenizer, const GenerateOptions& options);

  // False when the text has ended: a stop string, or the listener wants no more.
  bool push(std::int32_t id);
  // Lets out what was held back, when no more tokens come.
  void finish();
  bool stopped() const { return filter_.stopped(); }
  std::string take() { return std::move(text_); }

 private:
  bool emit(const std::string& piece);

  const Tokenizer* tokenizer_;
  const GenerateOptions& options_;
  std::optional<StreamDecoder> characters_;  // none without a tokenizer
  StopFilter filter_;
  std::string text_;
};

}  // namespace stemma::infer

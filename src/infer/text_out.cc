#include "infer/text_out.h"

namespace stemma::infer {

TextOut::TextOut(const Tokenizer* tokenizer, const GenerateOptions& options)
    : tokenizer_(tokenizer), options_(options), filter_(options.stop) {
  if (tokenizer) characters_.emplace(*tokenizer);
}

bool TextOut::push(std::int32_t id) {
  if (!characters_ || !tokenizer_->has_token(id)) return true;
  return emit(filter_.push(characters_->push(id)));
}

void TextOut::finish() {
  if (!characters_ || filter_.stopped()) return;
  emit(filter_.push(characters_->finish()));
  if (!filter_.stopped()) emit(filter_.flush());
}

bool TextOut::emit(const std::string& piece) {
  text_ += piece;
  const bool wanted = piece.empty() || !options_.on_text || options_.on_text(piece);
  return wanted && !filter_.stopped();
}

}  // namespace stemma::infer

#include "cli/tokenizer/train_characters.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/progress.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "text/char_trainer.h"
#include "text/tokenizer.h"

namespace stemma::cli {
namespace {

// What only byte-level BPE has must not be passed over silently.
void check_flags(const TrainerFlags& o) {
  const TrainerFlags unset;
  if (o.split != unset.split || o.digits != unset.digits || o.lowercase)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[tokenizer train] --split, --digits and --lowercase belong to --kind "
                            "bpe: --kind {} cuts every character apart",
                            o.kind));
  if (o.kind == "bytes" && o.vocab_size != unset.vocab_size)
    throw Error(ErrorCode::invalid_argument,
                "[tokenizer train] --vocab-size belongs to the other kinds: --kind bytes has 256 "
                "bytes and the special tokens");
}

// Bytes are characters without any above U+007F.
CharTrainer trainer_of(const TrainerFlags& o) {
  CharTrainerOptions options{.min_frequency = static_cast<std::uint64_t>(o.min_frequency)};
  options.special_tokens.insert(options.special_tokens.end(), o.special_token.begin(),
                                o.special_token.end());
  const std::size_t bytes_only = 256 + options.special_tokens.size();
  options.vocab_size = static_cast<std::int32_t>(
      o.kind == "bytes" ? static_cast<std::int64_t>(bytes_only) : o.vocab_size);
  return CharTrainer(options);
}

}  // namespace

int train_characters(const TrainerFlags& o) {
  check_flags(o);
  CharTrainer trainer = trainer_of(o);
  DocumentReader reader(find_documents({o.input.begin(), o.input.end()}, o.documents), o.documents);
  std::int64_t documents = 0;
  std::uint64_t bytes = 0;
  ProgressLine line;
  for (Document document; reader.next(document); ++documents) {
    if (process_interrupt().requested()) return interrupted_or_done();
    trainer.add_document(document.text);
    bytes += document.text.size();
    line.update(fmt::format("reading: {} of {}", format_bytes(reader.position_bytes()),
                            format_bytes(reader.total_bytes())));
  }
  line.finish();
  log_reading(reader);
  if (documents == 0)
    throw Error(ErrorCode::corrupt,
                "[tokenizer train] the input holds no text: nothing to learn from");
  const auto tokenizer = trainer.train();
  save_tokenizer(*tokenizer, o.output);
  const auto seen = static_cast<std::int64_t>(trainer.distinct_characters());
  if (o.json)
    return print_json(Json::object({{"output", o.output},
                                    {"vocab_size", tokenizer->vocab_size()},
                                    {"documents", documents},
                                    {"bytes", static_cast<std::int64_t>(bytes)},
                                    {"distinct_characters", seen}}));
  print(
      fmt::format("a vocabulary of {} tokens from {} in {} documents, with {} characters above "
                  "U+007F, to {}\n",
                  tokenizer->vocab_size(), format_bytes(bytes), documents, seen, o.output));
  return interrupted_or_done();
}

}  // namespace stemma::cli

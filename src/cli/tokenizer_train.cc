#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "data/documents.h"
#include "text/bpe_trainer.h"
#include "text/char_trainer.h"
#include "text/tokenizer.h"

namespace stemma::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> input;
  std::string output, kind = "bpe";
  BpeTrainerOptions trainer;
  DocumentOptions documents;
  std::int64_t vocab_size = trainer.vocab_size, min_frequency = 2;
  bool json = false;
};

struct Counts {
  std::int64_t documents = 0;
  std::uint64_t bytes = 0;
};

// False when a signal stopped it.
bool read_corpus(const Options& o, auto& trainer, Counts& counts) {
  DocumentReader reader(expand_files({o.input.begin(), o.input.end()}), o.documents);
  ProgressLine line;
  for (Document document; reader.next(document);) {
    trainer.add_document(document.text);
    ++counts.documents;
    counts.bytes += document.text.size();
    line.update(fmt::format("reading: {} of {}", format_bytes(reader.position_bytes()),
                            format_bytes(reader.total_bytes())));
    if (interrupt_requested()) return false;
  }
  if (counts.documents == 0)
    throw Error(ErrorCode::corrupt,
                "[tokenizer train] the input holds no text: nothing to learn from");
  return true;
}

// Bytes are characters without any above U+007F.
int run_characters(const Options& o) {
  CharTrainer trainer(
      {.vocab_size = static_cast<std::int32_t>(o.kind == "bytes" ? 257 : o.vocab_size),
       .min_frequency = static_cast<std::uint64_t>(o.min_frequency)});
  Counts counts;
  if (!read_corpus(o, trainer, counts)) return interrupted_or_done();
  const auto tokenizer = trainer.train();
  save_tokenizer(*tokenizer, o.output);
  const auto seen = static_cast<std::int64_t>(trainer.distinct_characters());
  if (o.json)
    return print_json(Json::object({{"output", o.output},
                                    {"vocab_size", tokenizer->vocab_size()},
                                    {"documents", counts.documents},
                                    {"bytes", static_cast<std::int64_t>(counts.bytes)},
                                    {"distinct_characters", seen}}));
  print(fmt::format(
      "a vocabulary of {} tokens from {} in {} documents, with {} characters above "
      "U+007F, to {}\n",
      tokenizer->vocab_size(), format_bytes(counts.bytes), counts.documents, seen, o.output));
  return interrupted_or_done();
}

int run(Options& o) {
  if (o.kind != "bpe") return run_characters(o);
  o.trainer.vocab_size = static_cast<std::int32_t>(o.vocab_size);
  o.trainer.min_frequency = static_cast<std::uint64_t>(o.min_frequency);
  BpeTrainer trainer(o.trainer);
  Counts counts;
  if (!read_corpus(o, trainer, counts)) return interrupted_or_done();
  ProgressLine line;
  const auto tokenizer = trainer.train([&](std::int64_t done, std::int64_t wanted) {
    line.update(fmt::format("merging: {} of {}", done, wanted));
  });
  line.finish();
  if (interrupt_requested()) return interrupted_or_done();
  fs::create_directories(o.output);
  tokenizer->save(o.output);
  if (tokenizer->vocab_size() < o.vocab_size)
    log_warning(fmt::format("the text has pairs for {} tokens only, not {}",
                            tokenizer->vocab_size(), o.vocab_size));
  if (o.json)
    return print_json(
        Json::object({{"output", o.output},
                      {"vocab_size", tokenizer->vocab_size()},
                      {"merges", static_cast<std::int64_t>(tokenizer->vocab_size()) - 256 -
                                     static_cast<std::int64_t>(tokenizer->special_tokens().size())},
                      {"documents", counts.documents},
                      {"bytes", static_cast<std::int64_t>(counts.bytes)},
                      {"distinct_pieces", static_cast<std::int64_t>(trainer.distinct_pieces())}}));
  print(fmt::format("a vocabulary of {} tokens from {} in {} documents to {}\n",
                    tokenizer->vocab_size(), format_bytes(counts.bytes), counts.documents,
                    o.output));
  return interrupted_or_done();
}

}  // namespace

void add_tokenizer_train(Program& program) {
  auto o = std::make_shared<Options>();
  Command& c = program.add("tokenizer train", "learn a vocabulary from text");
  c.about =
      "Trains a byte-level BPE tokenizer as GPT-2's and writes it as Hugging Face does "
      "(tokenizer.json, vocab.json, merges.txt). Reads plain text and JSONL, also .gz and .zst, "
      "and "
      "whole folders; memory grows with the distinct words, not with the text.";
  c.examples = {"stemma tokenizer train --input book.txt --vocab-size 4096 --output tokenizer"};
  c.options.add(
      {"input", "text files (.txt, .jsonl, also .gz and .zst) and folders of them", "book.txt"},
      o->input);
  c.options.add_choice(
      {"kind", "what has ids: pieces of words (bpe), characters and bytes, or bytes only",
       "characters"},
      o->kind, {"bpe", "characters", "bytes"});
  c.options.add({"vocab_size", "tokens wanted: 256 bytes, the merges, and <|endoftext|>", "4096"},
                o->vocab_size, {257, 1 << 24});
  c.options.add({"min_frequency", "a pair must occur this often to be merged", "2"},
                o->min_frequency, {1, 1'000'000'000});
  c.options.add({"text_field", "the field of a JSONL row that holds the text", "text"},
                o->documents.text_field);
  c.options.add({"output", "the folder to write; created where it is missing", "tokenizer"},
                o->output);
  declare_json(o->json, c.options);
  c.required = {"input", "output"};
  c.run = [o] { return run(*o); };
}

}  // namespace stemma::cli

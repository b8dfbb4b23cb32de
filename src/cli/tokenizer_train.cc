#include <chrono>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "data/documents.h"
#include "device/memory.h"
#include "text/bpe_trainer.h"

namespace stemma::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> input;
  std::string output;
  BpeTrainerOptions trainer;
  DocumentOptions documents;
  std::int64_t vocab_size = trainer.vocab_size, min_frequency = 2, threads = 0;
  bool json = false;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Counts {
  std::int64_t documents = 0;
  std::uint64_t bytes = 0;
};

std::string rest(const EtaEstimator& eta) {
  return format_duration(eta.remaining_seconds()) + " left";
}

void read_corpus(const Options& o, BpeTrainer& trainer, Counts& counts) {
  DocumentReader reader(expand_files({o.input.begin(), o.input.end()}), o.documents);
  ProgressLine line;
  EtaEstimator eta(static_cast<double>(reader.total_bytes()));
  Workers workers(o.threads > 0 ? static_cast<int>(o.threads) : available_threads());
  Document document;
  trainer.add_documents(workers, [&](std::string& text) {
    document.text.swap(text);
    const bool more = interrupt_requested() == 0 && reader.next(document);
    document.text.swap(text);
    if (!more) return false;
    ++counts.documents;
    counts.bytes += text.size();
    eta.update(static_cast<double>(reader.position_bytes()));
    line.update(fmt::format("reading: {} of {}, {}/s, {}", format_bytes(reader.position_bytes()),
                            format_bytes(reader.total_bytes()),
                            format_bytes(static_cast<std::uint64_t>(eta.rate())), rest(eta)));
    return true;
  });
  if (counts.documents == 0 && interrupt_requested() == 0)
    throw Error(ErrorCode::corrupt,
                "[tokenizer train] the input holds no text: nothing to learn from");
}

std::shared_ptr<const BpeTokenizer> merge_pairs(BpeTrainer& trainer) {
  ProgressLine line;
  const auto started = EtaEstimator::Clock::now();
  std::optional<EtaEstimator> eta;
  return trainer.train([&](std::int64_t done, std::int64_t wanted) {
    if (!eta) eta.emplace(static_cast<double>(wanted), 0, started);
    eta->update(static_cast<double>(done));
    line.update(fmt::format("merging: {} of {}, {}, {}", done, wanted,
                            format_rate(eta->rate(), "merges"), rest(*eta)));
    return interrupt_requested() == 0;
  });
}

int run(Options& o) {
  const auto started = std::chrono::steady_clock::now();
  o.trainer.vocab_size = static_cast<std::int32_t>(o.vocab_size);
  o.trainer.min_frequency = static_cast<std::uint64_t>(o.min_frequency);
  BpeTrainer trainer(o.trainer);
  Counts counts;
  read_corpus(o, trainer, counts);
  if (interrupt_requested()) return interrupted_or_done();
  const auto tokenizer = merge_pairs(trainer);
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
                      {"pieces", static_cast<std::int64_t>(trainer.pieces())},
                      {"distinct_pieces", static_cast<std::int64_t>(trainer.distinct_pieces())},
                      {"seconds", seconds_since(started)},
                      {"peak_memory_bytes", static_cast<std::int64_t>(peak_memory_bytes())}}));
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
  c.options.add({"vocab_size", "tokens wanted: 256 bytes, the merges, and <|endoftext|>", "4096"},
                o->vocab_size, {257, 1 << 24});
  c.options.add({"min_frequency", "a pair must occur this often to be merged", "2"},
                o->min_frequency, {1, 1'000'000'000});
  c.options.add({"text_field", "the field of a JSONL row that holds the text", "text"},
                o->documents.text_field);
  c.options.add({"output", "the folder to write; created where it is missing", "tokenizer"},
                o->output);
  declare_threads(o->threads, c.options);
  declare_json(o->json, c.options);
  c.required = {"input", "output"};
  c.run = [o] { return run(*o); };
}

}  // namespace stemma::cli

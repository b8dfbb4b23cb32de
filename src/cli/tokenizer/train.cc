#include <chrono>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/tokenizer/train_characters.h"
#include "cli/tokenizer/trainer_flags.h"
#include "data/documents.h"
#include "device/memory.h"
#include "text/bpe_trainer.h"

namespace stemma::cli {
namespace {

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

void read_corpus(const TrainerFlags& o, BpeTrainer& trainer, Counts& counts) {
  DocumentReader reader(find_documents({o.input.begin(), o.input.end()}, o.documents), o.documents);
  ProgressLine line;
  EtaEstimator eta(static_cast<double>(reader.total_bytes()));
  Workers workers(o.threads > 0 ? static_cast<int>(o.threads) : available_threads());
  Document document;
  trainer.add_documents(workers, [&](std::string& text) {
    document.text.swap(text);
    const bool more = !process_interrupt().requested() && reader.next(document);
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
  log_reading(reader);
  if (counts.documents == 0 && !process_interrupt().requested())
    throw Error(ErrorCode::corrupt,
                "[tokenizer train] the input holds no text: nothing to learn from");
}

std::shared_ptr<const bpe::BpeTokenizer> merge_pairs(BpeTrainer& trainer) {
  ProgressLine line;
  const auto started = EtaEstimator::Clock::now();
  std::optional<EtaEstimator> eta;
  return trainer.train([&](std::int64_t done, std::int64_t wanted) {
    if (!eta) eta.emplace(static_cast<double>(wanted), 0, started);
    eta->update(static_cast<double>(done));
    line.update(fmt::format("merging: {} of {}, {}, {}", done, wanted,
                            format_rate(eta->rate(), "merges"), rest(*eta)));
    return !process_interrupt().requested();
  });
}

void warn(const TrainerFlags& o, const BpeTrainer& trainer, const bpe::BpeTokenizer& tokenizer) {
  const BpeTrainer::Dropped& dropped = trainer.dropped();
  if (dropped.pieces > 0)
    log_warning(fmt::format(
        "{} of {} distinct pieces did not fit into the memory: those that occur fewer than {} "
        "times, {:.3f} % of the text's pieces, were left out; --memory-bytes allows more",
        dropped.distinct_pieces, trainer.distinct_pieces(), dropped.min_count,
        100.0 * static_cast<double>(dropped.pieces) / static_cast<double>(trainer.pieces())));
  if (tokenizer.vocab_size() < o.vocab_size)
    log_warning(fmt::format("the text has pairs for {} tokens only, not {}", tokenizer.vocab_size(),
                            o.vocab_size));
}

Json summary(const BpeTrainer& trainer, const bpe::BpeTokenizer& tokenizer, const Counts& counts) {
  const auto number = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  return Json::object({{"vocab_size", tokenizer.vocab_size()},
                       {"merges", number(tokenizer.vocabulary().merges.size())},
                       {"documents", counts.documents},
                       {"bytes", number(counts.bytes)},
                       {"pieces", number(trainer.pieces())},
                       {"distinct_pieces", number(trainer.distinct_pieces())},
                       {"dropped_pieces", number(trainer.dropped().pieces)},
                       {"dropped_distinct_pieces", number(trainer.dropped().distinct_pieces)},
                       {"peak_memory_bytes", number(peak_memory_bytes())}});
}

// Before the work, not after it.
void check_output(const std::string& output) {
  for (std::filesystem::path path = output; !path.empty() && path != path.parent_path();
       path = path.parent_path())
    if (std::filesystem::exists(path) && !std::filesystem::is_directory(path))
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[tokenizer train] --output must be a folder, and {} is none: give "
                              "another name",
                              path.string()));
}

int run_tokenizer_train(const TrainerFlags& o) {
  check_output(o.output);
  if (o.kind != "bpe") return train_characters(o);
  const auto started = std::chrono::steady_clock::now();
  BpeTrainer trainer(o.options());
  Counts counts;
  read_corpus(o, trainer, counts);
  if (process_interrupt().requested()) return interrupted_or_done();
  const auto tokenizer = merge_pairs(trainer);
  if (process_interrupt().requested()) return interrupted_or_done();
  std::filesystem::create_directories(o.output);
  tokenizer->save(o.output);
  warn(o, trainer, *tokenizer);
  if (o.json) {
    Json result = summary(trainer, *tokenizer, counts);
    result.set("output", o.output);
    result.set("seconds", seconds_since(started));
    return print_json(result);
  }
  print(fmt::format("a vocabulary of {} tokens from {} in {} documents to {}\n",
                    tokenizer->vocab_size(), format_bytes(counts.bytes), counts.documents,
                    o.output));
  return interrupted_or_done();
}

}  // namespace

void add_tokenizer_train(Program& program) {
  auto o = std::make_shared<TrainerFlags>();
  Command& c = program.add("tokenizer train", "learn a vocabulary from text");
  c.about =
      "Trains a byte-level BPE tokenizer (or one of characters or bytes, --kind) and writes it as "
      "Hugging Face does (tokenizer.json; with the rules that --split names first also vocab.json "
      "and merges.txt). Reads plain text and JSONL, also .gz and .zst, and whole folders. Memory "
      "grows with the distinct words, not with "
      "the text: above --memory-bytes they are counted on disk, and the rarest are left out when "
      "they are too many to learn from, which a warning tells.";
  c.examples = {"stemma tokenizer train --input book.txt --vocab-size 4096 --output tokenizer"};
  declare(*o, c.options);
  c.required = {"input", "output"};
  c.run = [o] { return run_tokenizer_train(*o); };
}

}  // namespace stemma::cli

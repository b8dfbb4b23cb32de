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
  DocumentOptions documents;
  std::int64_t vocab_size = 32768, min_frequency = 2, memory_bytes = std::int64_t{2} << 30;
  std::int64_t threads = 0;
  std::string split = "gpt2", digits = "keep";
  std::vector<std::string> special_token;
  bool lowercase = false, json = false;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

const Splitter& splitter_of(const Options& o) {
  const NumberCut cut = o.digits == "single"   ? NumberCut::single
                        : o.digits == "triple" ? NumberCut::triple
                                               : NumberCut::published;
  return o.split == "cl100k"  ? cl100k_splitter(cut)
         : o.split == "o200k" ? o200k_splitter(cut)
                              : gpt2_splitter(cut);
}

// The folder that exists already and will hold `output`: its disk has room for what is asked.
fs::path existing_parent(const std::string& output) {
  fs::path folder = fs::absolute(output);
  while (!fs::is_directory(folder) && folder != folder.parent_path()) folder = folder.parent_path();
  return folder;
}

BpeTrainerOptions trainer_options(const Options& o) {
  BpeTrainerOptions options{.vocab_size = static_cast<std::int32_t>(o.vocab_size),
                            .min_frequency = static_cast<std::uint64_t>(o.min_frequency),
                            .splitter = &splitter_of(o),
                            .lowercase = o.lowercase,
                            .memory_bytes = static_cast<std::uint64_t>(o.memory_bytes),
                            .spill_folder = existing_parent(o.output)};
  options.special_tokens.insert(options.special_tokens.end(), o.special_token.begin(),
                                o.special_token.end());
  return options;
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

void warn(const Options& o, const BpeTrainer& trainer, const BpeTokenizer& tokenizer) {
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

Json summary(const BpeTrainer& trainer, const BpeTokenizer& tokenizer, const Counts& counts) {
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

int run(const Options& o) {
  const auto started = std::chrono::steady_clock::now();
  BpeTrainer trainer(trainer_options(o));
  Counts counts;
  read_corpus(o, trainer, counts);
  if (interrupt_requested()) return interrupted_or_done();
  const auto tokenizer = merge_pairs(trainer);
  if (interrupt_requested()) return interrupted_or_done();
  fs::create_directories(o.output);
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

void declare_text_rules(Options& o, OptionSet& options) {
  options.add_choice({"split", "the pattern that cuts text into pieces", "cl100k"}, o.split,
                     {"gpt2", "cl100k", "o200k"});
  options.add_choice(
      {"digits",
       "how that pattern's runs of numbers are cut: as it has them (gpt2: never, the "
       "others: after three), each number alone, or after three",
       "single"},
      o.digits, {"keep", "single", "triple"});
  options.add(
      {"lowercase", "put all text in lower case, for good: decoding does not undo it", "true"},
      o.lowercase);
  options.add(
      {"special_token", "names of tokens beside <|endoftext|> that text never yields", "<|user|>"},
      o.special_token);
}

}  // namespace

void add_tokenizer_train(Program& program) {
  auto o = std::make_shared<Options>();
  Command& c = program.add("tokenizer train", "learn a vocabulary from text");
  c.about =
      "Trains a byte-level BPE tokenizer as GPT-2's and writes it as Hugging Face does "
      "(tokenizer.json; with GPT-2's rules also vocab.json and merges.txt). Reads plain text and "
      "JSONL, also .gz and .zst, and whole folders. Memory grows with the distinct words, not with "
      "the text: above --memory-bytes they are counted on disk, and the rarest are left out when "
      "they are too many to learn from, which a warning tells.";
  c.examples = {"stemma tokenizer train --input book.txt --vocab-size 4096 --output tokenizer"};
  c.options.add(
      {"input", "text files (.txt, .jsonl, also .gz and .zst) and folders of them", "book.txt"},
      o->input);
  c.options.add(
      {"vocab_size", "tokens wanted: 256 bytes, the merges, and the special tokens", "4096"},
      o->vocab_size, {257, 1 << 24});
  c.options.add({"min_frequency", "a pair must occur this often to be merged", "2"},
                o->min_frequency, {1, 1'000'000'000});
  declare_text_rules(*o, c.options);
  c.options.add({"memory_bytes", "for words and pairs, beside the documents in work", "4e9"},
                o->memory_bytes, {16 << 20, std::int64_t{1} << 50});
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

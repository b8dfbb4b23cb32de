#include "data/pack.h"

#include <memory>

#include <fmt/format.h>

#include "base/progress.h"
#include "checkpoint/gguf_tokenizer.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "text/tokenizer.h"

namespace stemma::cli {
namespace {

struct DataPackOptions {
  std::vector<std::string> input;
  std::string tokenizer, output;
  PackOptions pack;
  std::int64_t threads = 0;
  bool json = false;
};

Json split_json(const SplitManifest& split) {
  return Json::object({{"documents", split.documents},
                       {"tokens", split.tokens},
                       {"text_bytes", split.text_bytes},
                       {"shards", static_cast<std::int64_t>(split.shards.size())}});
}

int run_data_pack(DataPackOptions& o) {
  ProgressLine line;
  o.pack.threads = static_cast<int>(o.threads);
  o.pack.progress = [&](const PackProgress& p) {
    line.update(fmt::format("packing: {} of {}, {} tokens", format_bytes(p.read_bytes),
                            format_bytes(p.total_bytes),
                            format_count(static_cast<double>(p.tokens))));
    return !process_interrupt().requested();
  };
  const auto tokenizer =
      o.tokenizer.empty() ? default_tokenizer() : checkpoint::tokenizer_from(o.tokenizer);
  const auto report =
      pack_documents(find_documents({o.input.begin(), o.input.end()}, o.pack.documents), *tokenizer,
                     o.output, o.pack);
  line.finish();
  if (!report) return interrupted_or_done();
  if (o.json)
    return print_json(
        Json::object({{"output", o.output},
                      {"train", split_json(report->train)},
                      {"validation", split_json(report->validation)},
                      {"source_bytes", static_cast<std::int64_t>(report->source_bytes)},
                      {"bad_rows", report->reading.bad_rows},
                      {"note", report->note}}));
  print(fmt::format(
      "training: {} tokens in {} documents; validation: {} tokens in {} documents; {}\n",
      report->train.tokens, report->train.documents, report->validation.tokens,
      report->validation.documents, o.output));
  if (!report->note.empty()) print(fmt::format("note: {}\n", report->note));
  return interrupted_or_done();
}

}  // namespace

void add_data_pack(Program& program) {
  auto o = std::make_shared<DataPackOptions>();
  Command& c = program.add("data pack", "tokenize text files into a folder that training maps");
  c.about =
      "Encodes text files into shards of tokens with document boundaries, split into training and "
      "validation data by a hash of each document. `stemma train --data FOLDER` reads the result. "
      "A "
      "plain text without <|endoftext|> lines is cut at blank lines into documents of about 64 kB; "
      "a "
      "JSONL row is one document.";
  c.examples = {"stemma data pack --input books/ more.jsonl.zst --tokenizer gpt2 --output packed"};
  c.options.add_path(
      {"input", "text files, JSON lines, folders of them, - for standard input; .gz and .zst too",
       "books/"},
      o->input);
  c.options.add_path(tokenizer_help(fmt::format("; empty: {}", default_tokenizer_name())),
                     o->tokenizer);
  c.options.add_folder({"output", "the folder to write; created where it is missing", "packed"},
                       o->output);
  declare(o->pack.documents, c.options);
  c.options.add(
      {"validation_fraction", "share of the documents, by hash, kept for validation", "0.01"},
      o->pack.validation_fraction, {0, 0.5});
  c.options.add({"shard_tokens", "tokens of one shard, about", "1e8"}, o->pack.shard_tokens,
                {1, std::int64_t{1} << 40});
  c.options.add({"overwrite", "replace a packed folder", "true"}, o->pack.overwrite);
  declare_threads(o->threads, c.options);
  declare_json(o->json, c.options);
  c.required = {"input", "output"};
  c.run = [o] { return run_data_pack(*o); };
}

}  // namespace stemma::cli

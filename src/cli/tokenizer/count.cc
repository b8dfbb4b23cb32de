#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "base/progress.h"
#include "base/threads.h"
#include "checkpoint/gguf_tokenizer.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "data/byte_source.h"
#include "data/text_files.h"
#include "text/token_count.h"

namespace stemma::cli {
namespace {

constexpr std::size_t kChunkBytes = 1 << 20;

struct TokenizerCountOptions {
  std::string tokenizer;
  std::vector<std::string> files;
  std::int64_t limit = 0, threads = 0;
  bool json = false;
};

struct FileCount {
  std::string name;
  TokenCount count;
  std::uint64_t characters = 0, words = 0;  // without a limit
};

FileCount count_file(const std::string& name, const Tokenizer& tokenizer, Workers& workers,
                     const TokenizerCountOptions& o) {
  const auto source = ByteSource::open(open_any_text(name));
  const StreamEncoder::Options streams{
      .block_bytes = StreamEncoder::kBlockBytes * static_cast<std::size_t>(workers.count()),
      .workers = &workers};
  TokenCounter tokens(tokenizer, streams,
                      o.limit > 0 ? static_cast<std::uint64_t>(o.limit) : TokenCounter::kNoLimit);
  CharacterCounter characters;
  std::string chunk(kChunkBytes, '\0');
  while (!process_interrupt().requested()) {
    const std::string_view text(chunk.data(), source->read(chunk.data(), chunk.size()));
    characters.push(text);
    if (!tokens.push(text) || text.size() < chunk.size()) break;
  }
  characters.finish();
  return {name, tokens.finish(), characters.characters(), characters.words()};
}

double bytes_per_token(const TokenCount& count) {
  return count.tokens > 0 ? static_cast<double>(count.bytes) / static_cast<double>(count.tokens)
                          : 0;
}

Json json_of(const FileCount& file, const TokenizerCountOptions& o) {
  const auto number = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  Json json = Json::object({{"tokens", number(file.count.tokens)},
                            {"bytes", number(file.count.bytes)},
                            {"bytes_per_token", bytes_per_token(file.count)}});
  if (o.limit == 0) {
    json.set("characters", number(file.characters));
    json.set("words", number(file.words));
  }
  return json;
}

std::string line_of(const FileCount& file, const TokenizerCountOptions& o) {
  std::string line = fmt::format("{:>14} {:>14}", file.count.tokens, file.count.bytes);
  if (o.limit == 0) line += fmt::format(" {:>14} {:>12}", file.characters, file.words);
  return line + fmt::format(" {:>8.3f}  {}\n", bytes_per_token(file.count), file.name);
}

int run_tokenizer_count(const TokenizerCountOptions& o) {
  const auto tokenizer = checkpoint::tokenizer_from(o.tokenizer);
  Workers workers(o.threads > 0 ? static_cast<int>(o.threads) : available_threads());
  FileCount total{"total", {}};
  Json files = Json::array();
  std::string lines = fmt::format("{:>14} {:>14}", "tokens", "bytes");
  if (o.limit == 0) lines += fmt::format(" {:>14} {:>12}", "characters", "words");
  lines += " bytes/token\n";
  for (const std::string& name : o.files) {
    const FileCount file = count_file(name, *tokenizer, workers, o);
    if (process_interrupt().requested()) break;
    total.count.tokens += file.count.tokens;
    total.count.bytes += file.count.bytes;
    total.characters += file.characters;
    total.words += file.words;
    Json json = json_of(file, o);
    json.set("file", name);
    files.push_back(json);
    lines += line_of(file, o);
  }
  if (o.json) {
    Json json = json_of(total, o);
    json.set("files", files);
    return print_json(json);
  }
  print(o.files.size() > 1 ? lines + line_of(total, o) : lines);
  return interrupted_or_done();
}

}  // namespace

void add_tokenizer_count(Program& program) {
  auto o = std::make_shared<TokenizerCountOptions>();
  Command& c = program.add("tokenizer count", "how many tokens files have");
  c.about =
      "Counts tokens, bytes, characters and words of each file and of all together, in bounded "
      "memory however large the files are. Each file is one text, without special tokens; `-` is "
      "standard input, and names that end in .gz or .zst are decompressed. With --limit N it says "
      "where the first N tokens of each file end: `bytes` is that place.";
  c.examples = {"stemma tokenizer count --tokenizer cl100k_base book.txt notes.txt",
                "stemma tokenizer count --tokenizer gpt2 --limit 1024 --json book.txt"};
  c.options.add_path(tokenizer_help(), o->tokenizer);
  c.options.add_path({"files", "the files to count", "book.txt"}, o->files);
  c.options.add({"limit", "count no more tokens than these and say where they end; 0: all", "1024"},
                o->limit, {0, 1'000'000'000'000});
  declare_threads(o->threads, c.options);
  declare_json(o->json, c.options);
  c.required = {"tokenizer", "files"};
  c.positional = "files";
  c.run = [o] { return run_tokenizer_count(*o); };
}

}  // namespace stemma::cli

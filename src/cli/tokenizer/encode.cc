#include <array>
#include <chrono>
#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/threads.h"
#include "checkpoint/gguf_tokenizer.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/tokenizer/npy.h"
#include "data/text_files.h"
#include "text/offsets.h"
#include "text/special_encoder.h"

namespace stemma::cli {
namespace {

struct TokenizerEncodeOptions {
  std::string tokenizer, input, output, offsets;
  std::vector<std::string> allow_special;
  std::int64_t threads = 0;
  bool json = false;
};

SpecialEncoder special_encoder(const Tokenizer& tokenizer, const TokenizerEncodeOptions& o) {
  return {tokenizer, allowed_names(tokenizer, o.allow_special)};
}

int run_tokenizer_encode(const TokenizerEncodeOptions& o) {
  if (o.json && is_standard_output(o.output))
    throw Error(ErrorCode::invalid_argument,
                "[tokenizer encode] --json and the ids cannot both go to standard output: give "
                "--output a file");
  check_outputs("tokenizer encode",
                std::array{FileOption{"output", o.output}, FileOption{"offsets", o.offsets}},
                std::array{FileOption{"input", o.input}, FileOption{"tokenizer", o.tokenizer}});
  const auto tokenizer = checkpoint::tokenizer_from(o.tokenizer);
  const SpecialEncoder encoder = special_encoder(*tokenizer, o);
  Workers workers(o.threads > 0 ? static_cast<int>(o.threads) : available_threads());
  const std::string text = read_any_text(o.input);
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::int32_t> ids;
  encoder.encode(text, workers, ids);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (process_interrupt().requested()) return interrupted_or_done();
  AtomicFile output(o.output);
  write_ids(output, ids);
  if (!o.offsets.empty()) {
    AtomicFile offsets(o.offsets);
    write_ranges(offsets, byte_ranges(*tokenizer, ids));
    offsets.commit();
  }
  output.commit();
  const auto bytes = static_cast<std::int64_t>(text.size());
  const double rate = seconds > 0 ? static_cast<double>(bytes) / seconds : 0;
  if (o.json)
    return print_json(Json::object({{"output", o.output},
                                    {"tokens", static_cast<std::int64_t>(ids.size())},
                                    {"bytes", bytes},
                                    {"seconds", seconds},
                                    {"bytes_per_s", rate}}));
  const std::string line = fmt::format("{} tokens from {} ({}/s) to {}", ids.size(),
                                       format_bytes(static_cast<std::uint64_t>(bytes)),
                                       format_bytes(static_cast<std::uint64_t>(rate)), o.output);
  if (is_standard_output(o.output))
    log_info(line);
  else
    print(line + "\n");
  return interrupted_or_done();
}

}  // namespace

void add_tokenizer_encode(Program& program) {
  auto o = std::make_shared<TokenizerEncodeOptions>();
  Command& c = program.add("tokenizer encode", "text to token ids");
  c.about =
      "Encodes a file as one text: nothing is added. Compressed files are decompressed, UTF-16 and "
      "UTF-32 behind a byte-order mark converted; any other bytes are accepted (`tokenizer decode` "
      "gives the same bytes back, unless the tokenizer cleans text, as WordPiece does, and what "
      "was "
      "trained with --lowercase). What looks like a special token is ordinary text, unless "
      "--allow-special names it. The ids become a NumPy file: one row of little-endian u32. The "
      "number of threads changes nothing but the time.";
  c.examples = {"stemma tokenizer encode --tokenizer gpt2 --input book.txt --output ids.npy",
                "stemma tokenizer encode --tokenizer gpt2 --input book.txt --output ids.npy "
                "--allow-special '<|endoftext|>' --offsets offsets.npy"};
  c.options.add_path(tokenizer_help(), o->tokenizer);
  c.options.add_path(
      {"input", "the file to encode (.gz and .zst too); -: standard input", "book.txt"}, o->input);
  c.options.add_path({"output", "the .npy file to write; -: standard output", "ids.npy"},
                     o->output);
  c.options.add({"allow_special", "special tokens that the text may contain, by name; all: each",
                 "'<|endoftext|>'"},
                o->allow_special);
  c.options.add({"offsets",
                 "a .npy file to write with the place of each token in the input: begin and end "
                 "in bytes, rows of two u64; empty: none",
                 "offsets.npy"},
                o->offsets);
  declare_threads(o->threads, c.options);
  declare_json(o->json, c.options);
  c.required = {"tokenizer", "input", "output"};
  c.run = [o] { return run_tokenizer_encode(*o); };
}

}  // namespace stemma::cli

#include <chrono>
#include <memory>

#include <fmt/format.h>

#include "base/file.h"
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/npy.h"
#include "cli/output.h"
#include "text/tokenizer.h"

namespace stemma::cli {
namespace {

struct Options {
  std::string tokenizer, input, output;
  bool json = false;
};

int run(const Options& o) {
  const auto tokenizer = open_tokenizer(o.tokenizer);
  const MappedFile file(o.input);
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::int32_t> ids;
  tokenizer->encode(file.text(), ids);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  write_ids(o.output, ids);
  const auto bytes = static_cast<std::int64_t>(file.text().size());
  const double rate = seconds > 0 ? static_cast<double>(bytes) / seconds : 0;
  if (o.json)
    return print_json(Json::object({{"output", o.output},
                                    {"tokens", static_cast<std::int64_t>(ids.size())},
                                    {"bytes", bytes},
                                    {"seconds", seconds},
                                    {"bytes_per_s", rate}}));
  print(fmt::format("{} tokens from {} ({}/s) to {}\n", ids.size(),
                    format_bytes(static_cast<std::uint64_t>(bytes)),
                    format_bytes(static_cast<std::uint64_t>(rate)), o.output));
  return interrupted_or_done();
}

}  // namespace

void add_tokenizer_encode(Program& program) {
  auto o = std::make_shared<Options>();
  Command& c = program.add("tokenizer encode", "text to token ids");
  c.about =
      "Encodes a file as one text: nothing is added, no special tokens, any bytes are accepted "
      "(`tokenizer decode` gives the same bytes back, except for GPT-1, which cleans text). The ids "
      "become a NumPy file: one row of little-endian u32.";
  c.examples = {"stemma tokenizer encode --tokenizer gpt2 --input book.txt --output ids.npy"};
  c.options.add({"tokenizer", "a name (gpt2), a tokenizer.json or a folder with one", "gpt2"},
                o->tokenizer);
  c.options.add({"input", "the file to encode", "book.txt"}, o->input);
  c.options.add({"output", "the .npy file to write", "ids.npy"}, o->output);
  declare_json(o->json, c.options);
  c.required = {"tokenizer", "input", "output"};
  c.run = [o] { return run(*o); };
}

}  // namespace stemma::cli

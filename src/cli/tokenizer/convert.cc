#include <memory>

#include <fmt/format.h>

#include "checkpoint/gguf_tokenizer.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "text/tokenizer.h"

namespace stemma::cli {
namespace {

struct ConvertOptions {
  std::string tokenizer, output;
  bool json = false;
};

int run_convert(const ConvertOptions& o) {
  const auto tokenizer = checkpoint::tokenizer_from(o.tokenizer);
  save_tokenizer(*tokenizer, o.output);
  if (o.json)
    return print_json(
        Json::object({{"output", o.output}, {"vocab_size", tokenizer->vocab_size()}}));
  print(fmt::format("a vocabulary of {} tokens to {}\n", tokenizer->vocab_size(), o.output));
  return interrupted_or_done();
}

}  // namespace

void add_tokenizer_convert(Program& program) {
  auto o = std::make_shared<ConvertOptions>();
  Command& c = program.add("tokenizer convert", "write a tokenizer in another form");
  c.about =
      "Writes a folder as Hugging Face has it, a .tiktoken file of ranks (and beside it a .json "
      "with "
      "the split pattern and the special tokens, which such a file cannot say), or the vocab.txt "
      "of "
      "a character tokenizer. A form that would give other ids is refused, with the reason.";
  c.examples = {"stemma tokenizer convert --tokenizer cl100k_base --output folder",
                "stemma tokenizer convert --tokenizer folder --output mine.tiktoken"};
  c.options.add_path(tokenizer_help(), o->tokenizer);
  c.options.add_folder(
      {"output", "a folder, or a file that ends in .tiktoken or .txt", "mine.tiktoken"}, o->output);
  declare_json(o->json, c.options);
  c.required = {"tokenizer", "output"};
  c.run = [o] { return run_convert(*o); };
}

}  // namespace stemma::cli

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "checkpoint/gguf_tokenizer.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/tokenizer/npy.h"
#include "text/tokenizer.h"

namespace stemma::cli {
namespace {

struct TokenizerDecodeOptions {
  std::string tokenizer, input, output;
  bool json = false;
};

int run_tokenizer_decode(const TokenizerDecodeOptions& o) {
  if (o.json && o.output.empty())
    throw Error(
        ErrorCode::invalid_argument,
        "[tokenizer decode] --json needs --output: standard output cannot hold the text too");
  check_outputs("tokenizer decode", std::array{FileOption{"output", o.output}},
                std::array{FileOption{"input", o.input}, FileOption{"tokenizer", o.tokenizer}});
  const auto tokenizer = checkpoint::tokenizer_from(o.tokenizer);
  const std::vector<std::int32_t> ids = read_ids(o.input);
  // Ids without a token pad vocabularies to a round size: they have no text.
  std::vector<std::int32_t> with_token;
  std::ranges::copy_if(ids, std::back_inserter(with_token),
                       [&](std::int32_t id) { return tokenizer->has_token(id); });
  if (const auto without = ids.size() - with_token.size(); without > 0)
    log_warning(
        fmt::format("[tokenizer decode] {} of {} ids have no token in this vocabulary of {} "
                    "and give no text",
                    without, ids.size(), tokenizer->vocab_size()));
  const std::string text = tokenizer->decode(with_token);
  if (o.output.empty()) {
    print(text);
    return interrupted_or_done();
  }
  AtomicFile file(o.output);
  file.write(text);
  file.commit();
  if (o.json)
    return print_json(Json::object({{"output", o.output},
                                    {"tokens", static_cast<std::int64_t>(ids.size())},
                                    {"bytes", static_cast<std::int64_t>(text.size())}}));
  print(fmt::format("{} bytes from {} tokens to {}\n", text.size(), ids.size(), o.output));
  return interrupted_or_done();
}

}  // namespace

void add_tokenizer_decode(Program& program) {
  auto o = std::make_shared<TokenizerDecodeOptions>();
  Command& c = program.add("tokenizer decode", "token ids to text");
  c.about =
      "The inverse of `tokenizer encode`: writes exactly the bytes that the ids stand for, to a "
      "file "
      "or to standard output.";
  c.examples = {"stemma tokenizer decode --tokenizer gpt2 --input ids.npy --output book.txt"};
  c.options.add_path(tokenizer_help(), o->tokenizer);
  c.options.add_path({"input", "a .npy file with one row of ids; -: standard input", "ids.npy"},
                     o->input);
  c.options.add_path({"output", "the file to write; empty: standard output", "book.txt"},
                     o->output);
  declare_json(o->json, c.options);
  c.required = {"tokenizer", "input"};
  c.run = [o] { return run_tokenizer_decode(*o); };
}

}  // namespace stemma::cli

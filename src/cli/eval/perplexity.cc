#include "eval/perplexity.h"

#include <chrono>
#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/signals.h"

namespace stemma::cli {
namespace {

struct EvalPerplexityOptions {
  ModelFlags model;
  std::string text;
  std::int64_t context_token = -1, window = 0;
  bool json = false;
};

int run_eval_perplexity(const EvalPerplexityOptions& o) {
  const MappedFile file(o.text);
  const infer::LoadedModel model = infer::LoadedModel::open(o.model.options());
  ProgressLine line;
  eval::PerplexityOptions options;
  if (o.context_token >= 0) options.context_token = static_cast<std::int32_t>(o.context_token);
  options.window = o.window;
  options.progress = [&](std::int64_t done, std::int64_t all) {
    line.update(fmt::format("scored {} of {} tokens", done, all));
    return !process_interrupt().requested();
  };
  const auto start = std::chrono::steady_clock::now();
  const eval::Perplexity p = eval::perplexity(model, file.text(), options);
  line.finish();
  if (process_interrupt().requested())
    return interrupted_or_done();  // a part of a text has no bits per byte
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (o.json) {
    Json out = Json::object({{"nll", p.nll},
                             {"tokens", p.tokens},
                             {"perplexity", p.perplexity()},
                             {"bits_per_byte", p.bits_per_byte()},
                             {"bytes", p.bytes},
                             {"seconds", seconds}});
    describe(model, o.model, out);
    return print_json(out);
  }
  print(fmt::format("perplexity {:.4f}, {:.4f} bits per byte ({} tokens, {})\n", p.perplexity(),
                    p.bits_per_byte(), p.tokens,
                    format_bytes(static_cast<std::uint64_t>(p.bytes))));
  return interrupted_or_done();
}

}  // namespace

void add_eval_perplexity(Program& program) {
  auto o = std::make_shared<EvalPerplexityOptions>();
  Command& c = program.add("eval perplexity", "how well a model predicts a text");
  c.about =
      "Scores a whole file as one text: the begin-of-text token first (end-of-text where the model "
      "has no other), windows of the model's context with half of it as stride, every token scored "
      "once with the longest context its window gives. nll is "
      "the sum in nats; perplexity = exp(nll / tokens); bits per byte = nll / ln 2 / bytes.";
  c.examples = {"stemma eval perplexity --model runs/book --text chapter.txt --json"};
  declare(o->model, c.options);
  c.options.add({"text", "the file to score", "chapter.txt"}, o->text);
  c.options.add(
      {"context_token",
       "the id before the text; needed where the tokenizer has no end-of-text; -1: begin- or "
       "end-of-text",
       "0"},
      o->context_token, {-1, 1 << 24});
  c.options.add({"window", "tokens of a window; 0: the model's context", "1024"}, o->window,
                {0, 1 << 24});
  declare_json(o->json, c.options);
  c.required = {"model", "text"};
  c.run = [o] { return run_eval_perplexity(*o); };
}

}  // namespace stemma::cli

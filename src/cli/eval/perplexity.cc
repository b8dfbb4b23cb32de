#include "eval/perplexity.h"

#include <chrono>
#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "data/documents.h"

namespace stemma::cli {
namespace {

struct EvalPerplexityOptions {
  ModelFlags model;
  std::string text;
  DocumentOptions documents;
  std::int64_t context_token = -1, window = 0;
  bool json = false;
};

int run_eval_perplexity(const EvalPerplexityOptions& o) {
  DocumentOptions documents = o.documents;
  documents.group_bytes = documents.limit_bytes;  // a file without marks is one text
  DocumentReader reader(find_documents({o.text}, documents), documents);
  const infer::LoadedModel model = infer::LoadedModel::open(o.model.options());
  ProgressLine line;
  eval::PerplexityOptions options;
  if (o.context_token >= 0) options.context_token = static_cast<std::int32_t>(o.context_token);
  options.window = o.window;
  eval::Perplexity p;
  options.progress = [&](std::int64_t done, std::int64_t all) {
    line.update(
        fmt::format("text {}: scored {} of {} tokens", reader.notes().documents, done, all));
    return !process_interrupt().requested();
  };
  const auto start = std::chrono::steady_clock::now();
  for (Document text; !process_interrupt().requested() && reader.next(text);)
    p += eval::perplexity(model, text.text, options);
  line.finish();
  if (process_interrupt().requested())
    return interrupted_or_done();  // a part of a text has no bits per byte
  log_reading(reader);
  if (p.tokens == 0)
    throw Error(ErrorCode::corrupt, "[perplexity] the text is empty: there is nothing to score");
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (o.json) {
    Json out = Json::object({{"nll", p.nll},
                             {"tokens", p.tokens},
                             {"perplexity", p.perplexity()},
                             {"bits_per_byte", p.bits_per_byte()},
                             {"bytes", p.bytes},
                             {"texts", reader.notes().documents},
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
      "Scores a plain file as one text; rows of JSON lines, documents between <|endoftext|> lines "
      "and "
      "the files of a folder are texts of their own, whose sums are added. Each begins with the "
      "begin-of-text token (end-of-text where the model has no other); windows of the model's "
      "context with half of it as stride, every token scored "
      "once with the longest context its window gives. nll is "
      "the sum in nats; perplexity = exp(nll / tokens); bits per byte = nll / ln 2 / bytes.";
  c.examples = {"stemma eval perplexity --model runs/book --text chapter.txt --json"};
  declare(o->model, c.options);
  c.options.add_path({"text",
                      "what to score: a text file, JSON lines, a folder of them, or - for standard "
                      "input; .gz and .zst too",
                      "chapter.txt"},
                     o->text);
  declare(o->documents, c.options);
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

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/model/batch_settings.h"
#include "cli/model/constraint_flags.h"
#include "cli/model/draft_flags.h"
#include "cli/model/generate_batch.h"
#include "cli/model/generate_beams.h"
#include "cli/model/generate_options.h"
#include "cli/model/prompt_flags.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "infer/constraint.h"
#include "infer/generation_defaults.h"
#include "infer/generator.h"

namespace stemma::cli {
namespace {

struct GenerateOptions {
  ModelFlags model;
  PromptFlags prompt;
  std::string output;
  WritingOptions writing;
  ConstraintFlags constraint;
  DraftFlags draft;
  BeamFlags beams;
  bool json = false;
};

Json result_json(const GenerateOptions& o, const infer::LoadedModel& model,
                 const infer::Generation& g, std::size_t prompt_tokens) {
  Json ids{Json::Array{}};
  for (const std::int32_t id : g.ids) ids.push_back(id);
  const auto rate = [](std::size_t count, double seconds) {
    return count > 0 && seconds > 0 ? static_cast<double>(count) / seconds : 0.0;
  };
  Json out = Json::object(
      {{"text", g.text},
       {"ids", std::move(ids)},
       {"finish_reason", to_string(g.finish)},
       {"prompt_tokens", static_cast<std::int64_t>(prompt_tokens)},
       {"prefill_tokens_per_s",
        rate(o.writing.generate.max_tokens > 0 ? prompt_tokens : 0, g.prefill_seconds)},
       {"decode_tokens_per_s", rate(g.ids.size(), g.decode_seconds)},
       {"drafted_tokens", g.drafted},
       {"accepted_tokens", g.accepted}});
  describe(o.writing.generate.sampling, out);
  describe(model, o.model, out);
  return out;
}

int print_beams(const GenerateOptions& o, const infer::LoadedModel& model,
                std::span<const std::int32_t> prompt) {
  const auto texts = search_beams(model, prompt, o.beams, o.writing.generate);
  if (o.json) {
    Json out = Json::object(
        {{"prompt_tokens", static_cast<std::int64_t>(prompt.size())}, {"beams", to_json(texts)}});
    describe(model, o.model, out);
    return print_json(out);
  }
  const infer::BeamText& best = texts.front();
  print(model.find_tokenizer() ? best.text + "\n" : fmt::format("{}\n", fmt::join(best.ids, ",")));
  log_info(fmt::format("{} tokens ({}), log-probability {:.2f}", best.ids.size(),
                       to_string(best.finish), best.log_probability));
  return interrupted_or_done();
}

int run_batch(GenerateOptions& o, const OptionSet& options, const infer::LoadedModel& model,
              const infer::EngineOptions& engine) {
  return generate_batch(
      model,
      {.path = o.prompt.batch,
       .output = o.output,
       .allow_special = o.prompt.allow_special,
       .chat_template = o.prompt.chat_template,
       .options = o.writing.generate,
       .within_max_length = o.writing.within_max_length,
       .drawn_seed = !is_given(options, "seed"),
       .settings = o.output.empty() ? Json::object()
                                    : batch_settings(model, o.model, o.writing.generate, o.prompt,
                                                     o.constraint)},
      engine);
}

int run_generate(GenerateOptions& o, const OptionSet& options) {
  settle(o.writing);
  check_prompt_flags(options);
  check_beam_flags(o.beams, options);
  const grammar::SharedGrammar grammar = grammar_of(o.constraint, options);
  const infer::LoadedModel model = infer::LoadedModel::open(o.model.options());
  // Beams are not drawn, as that file may want it.
  if (o.beams.beams > 1) o.writing.ignore_generation_config = true;
  take_defaults(o.writing, options, model);
  const std::optional<infer::LoadedModel> draft = open_draft(o.draft, o.model.options());
  infer::EngineOptions engine;
  engine.draft_tokens = draft_tokens(o.draft);
  engine.draft_model = draft ? &*draft : nullptr;
  infer::GenerateOptions& writing = o.writing.generate;
  writing.interrupt = process_interrupt();
  if (grammar)
    writing.constraint =
        infer::constraint(grammar, infer::constraint_tokens(model, o.prompt.chat_template));
  if (is_given(options, "batch")) return run_batch(o, options, model, engine);
  const std::vector<std::int32_t> prompt = prompt_of(o.prompt, options, model, writing);
  if (o.writing.within_max_length)
    writing.max_tokens =
        infer::tokens_within_max_length(model, std::ssize(prompt), writing.max_tokens);
  if (o.beams.beams > 1) return print_beams(o, model, prompt);
  if (!o.json) writing.on_text = [](std::string_view piece) { return print(piece); };
  const infer::Generation g = infer::generate(model, prompt, writing, engine);
  if (o.json) return print_json(result_json(o, model, g, prompt.size()));
  print(model.find_tokenizer() ? "\n" : fmt::format("{}\n", fmt::join(g.ids, ",")));
  log_info(fmt::format(
      "{} tokens ({}) after a prompt of {}; {}", g.ids.size(), to_string(g.finish), prompt.size(),
      format_rate(static_cast<double>(g.ids.size()) / std::max(g.decode_seconds, 1e-9), "tokens")));
  if (g.drafted > 0)
    log_info(fmt::format("{} of {} tokens guessed ahead were right", g.accepted, g.drafted));
  return interrupted_or_done();
}

}  // namespace

void add_generate(Program& program) {
  auto o = std::make_shared<GenerateOptions>();
  Command& c = program.add("generate", "continue a text with a model");
  c.about =
      "Writes the continuation of a prompt to standard output as it comes; the prompt itself is "
      "not "
      "repeated. Models without a tokenizer take --ids and print ids. Ctrl-C ends the text, prints "
      "what there is and exits with 130. With --json: text, ids, finish_reason (length, stop, eot, "
      "context, cancelled), rates; bytes that are no UTF-8 stand as U+FFFD in text. --chat puts a "
      "text into the chat template in the model's tokenizer files or in its GGUF file, and stops "
      "at "
      "the end of the answer; special tokens in the text are ordinary characters. A model without "
      "a template continues text and takes --prompt, or --chat with --chat-template plain. `stemma "
      "tokenizer chat` shows what a template makes of a conversation.";
  c.examples = {
      "stemma generate --model runs/book --prompt \"Once upon a time\" --max-tokens 100",
      "stemma generate --model gpt2/ --prompt-file question.txt --temperature 0.8 --top-p 0.95",
      "stemma generate --model smollm2.gguf --chat \"What is a stemma?\" --system \"Be brief.\"",
      "stemma generate --model smollm2.gguf --batch questions.jsonl --output answers.jsonl",
      "stemma generate --model smollm2.gguf --chat \"Describe Ann, 7.\" --json-schema person.json",
      "stemma generate --model gpt2/ --ids 15496,995 --max-tokens 5 --json"};
  declare(o->model, c.options);
  declare_cache_type(o->model.cache_type, c.options);
  declare(o->prompt, c.options);
  c.options.add_path(
      {"output",
       "with --batch: a file for the rows; the same command adds what a run that was "
       "cut off left out",
       "answers.jsonl",
       {"o", "output_file"}},
      o->output);
  declare(o->writing, c.options);
  declare(o->constraint, c.options);
  declare(o->draft, c.options);
  declare(o->beams, c.options);
  declare_json(o->json, c.options);
  c.required = {"model"};
  c.run = [o, &c] { return run_generate(*o, c.options); };
}

}  // namespace stemma::cli

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/model/draft_flags.h"
#include "cli/model/generate_batch.h"
#include "cli/model/generate_beams.h"
#include "cli/model/generate_options.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "data/text_files.h"
#include "infer/chat_prompt.h"
#include "infer/generation_defaults.h"
#include "infer/generator.h"

namespace stemma::cli {
namespace {

struct GenerateOptions {
  ModelFlags model;
  std::string prompt, prompt_file, ids, chat, system, chat_template, batch;
  std::vector<std::string> allow_special;
  WritingOptions writing;
  DraftFlags draft;
  BeamFlags beams;
  bool json = false;
};

bool is_given(const OptionSet& options, const char* key) {
  return options.source(key) != OptionSource::default_value;
}

// Before the model is opened, which may take long.
void check_prompt_flags(const OptionSet& options) {
  int prompts = 0;
  for (const char* key : {"prompt", "prompt_file", "ids", "chat", "batch"})
    prompts += is_given(options, key) ? 1 : 0;
  if (prompts != 1)
    throw Error(ErrorCode::invalid_argument,
                "[generate] give the text to continue with one of --prompt, --prompt-file, --ids, "
                "--chat and --batch");
  if (is_given(options, "allow_special") && (is_given(options, "ids") || is_given(options, "chat")))
    throw Error(ErrorCode::invalid_argument,
                "[generate] --allow-special is for --prompt, --prompt-file and the prompts of "
                "--batch: ids need it not, and a chat's text never becomes special tokens");
  if (is_given(options, "chat_template") && !is_given(options, "chat") &&
      !is_given(options, "batch"))
    throw Error(ErrorCode::invalid_argument,
                "[generate] --chat-template says how a chat is written: give --chat or --batch");
  if (is_given(options, "system") && !is_given(options, "chat"))
    throw Error(ErrorCode::invalid_argument,
                "[generate] --system is a part of a chat: give --chat too");
}

std::vector<std::int32_t> chat_ids(GenerateOptions& o, const OptionSet& options,
                                   const infer::LoadedModel& model) {
  const auto message = [](const char* role, const std::string& content) {
    return Json::object({{"role", role}, {"content", content}});
  };
  chat::Conversation conversation;
  if (is_given(options, "system")) conversation.messages.push_back(message("system", o.system));
  conversation.messages.push_back(message("user", o.chat));
  infer::ChatPrompt prompt = infer::chat_prompt(model, conversation, o.chat_template);
  prompt.set_ends(o.writing.generate);
  return std::move(prompt.ids);
}

// The prompt's ids, from the one flag that gives it.
std::vector<std::int32_t> prompt_of(GenerateOptions& o, const OptionSet& options,
                                    const infer::LoadedModel& model) {
  if (is_given(options, "chat")) return chat_ids(o, options, model);
  if (is_given(options, "ids")) return parse_ids(o.ids);
  if (is_given(options, "prompt")) return infer::prompt_ids(model, o.prompt, o.allow_special);
  std::string text = read_any_text(o.prompt_file);
  // The end of the last line is the editor's, not the prompt's.
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return infer::prompt_ids(model, text, o.allow_special);
}

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

int run_generate(GenerateOptions& o, const OptionSet& options) {
  settle(o.writing);
  check_prompt_flags(options);
  check_beam_flags(o.beams, options);
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
  if (is_given(options, "batch"))
    return generate_batch(
        model, {o.batch, o.allow_special, o.chat_template, writing, o.writing.within_max_length});
  const std::vector<std::int32_t> prompt = prompt_of(o, options, model);
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
      "stemma generate --model smollm2.gguf --batch questions.jsonl --max-tokens 100",
      "stemma generate --model gpt2/ --ids 15496,995 --max-tokens 5 --json"};
  declare(o->model, c.options);
  c.options.add({"prompt",
                 "the text to continue; an empty one begins a new text",
                 "\"Once upon\"",
                 {"p", "text", "input"}},
                o->prompt);
  c.options.add_path(
      {"prompt_file",
       "a file with the text to continue, less the end of its last line; -: standard input",
       "question.txt",
       {"f", "file"}},
      o->prompt_file);
  c.options.add(
      {"allow_special",
       "special tokens that --prompt, --prompt-file or the prompts of --batch may contain, "
       "by name; all: each",
       "'<|endoftext|>'"},
      o->allow_special);
  c.options.add({"chat",
                 "a message to a chat model, which answers it",
                 "\"What is a stemma?\"",
                 {"conversation", "cnv", "message"}},
                o->chat);
  c.options.add({"system",
                 "with --chat: the system message, instead of the model's own",
                 "\"Be brief.\"",
                 {"sys", "system_prompt", "system_message"}},
                o->system);
  c.options.add(
      {"chat_template",
       "with --chat or --batch: chatml, plain or a file with a Jinja template, instead of "
       "the model's own",
       "plain"},
      o->chat_template);
  c.options.add_path(
      {"batch",
       "a file with a JSON object a line, `prompt` or `messages` (and `tools`), and `id` if you "
       "like; -: standard input; prints one for each, in their order",
       "questions.jsonl"},
      o->batch);
  c.options.add({"ids", "token ids to continue, instead of a text", "15496,995"}, o->ids);
  declare(o->writing, c.options);
  declare(o->draft, c.options);
  declare(o->beams, c.options);
  declare_json(o->json, c.options);
  c.required = {"model"};
  c.run = [o, &c] { return run_generate(*o, c.options); };
}

}  // namespace stemma::cli

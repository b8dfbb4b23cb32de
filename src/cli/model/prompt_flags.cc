#include "cli/model/prompt_flags.h"

#include <utility>

#include "base/error.h"
#include "cli/model_flags.h"
#include "data/text_files.h"
#include "infer/chat_prompt.h"
#include "infer/generator.h"

namespace stemma::cli {
namespace {

std::vector<std::int32_t> chat_ids(const PromptFlags& flags, const OptionSet& options,
                                   const infer::LoadedModel& model,
                                   infer::GenerateOptions& writing) {
  const auto message = [](const char* role, const std::string& content) {
    return Json::object({{"role", role}, {"content", content}});
  };
  chat::Conversation conversation;
  if (is_given(options, "system")) conversation.messages.push_back(message("system", flags.system));
  conversation.messages.push_back(message("user", flags.chat));
  infer::ChatPrompt prompt = infer::chat_prompt(model, conversation, flags.chat_template);
  prompt.set_ends(writing);
  return std::move(prompt.ids);
}

}  // namespace

void declare(PromptFlags& flags, OptionSet& options) {
  options.add({"prompt",
               "the text to continue; an empty one begins a new text",
               "\"Once upon\"",
               {"p", "text", "input"}},
              flags.prompt);
  options.add_path(
      {"prompt_file",
       "a file with the text to continue, less the end of its last line; -: standard input",
       "question.txt",
       {"f", "file"}},
      flags.prompt_file);
  options.add({"allow_special",
               "special tokens that --prompt, --prompt-file or the prompts of --batch may contain, "
               "by name; all: each",
               "'<|endoftext|>'"},
              flags.allow_special);
  options.add({"chat",
               "a message to a chat model, which answers it",
               "\"What is a stemma?\"",
               {"conversation", "cnv", "message"}},
              flags.chat);
  options.add({"system",
               "with --chat: the system message, instead of the model's own",
               "\"Be brief.\"",
               {"sys", "system_prompt", "system_message"}},
              flags.system);
  options.add({"chat_template",
               "with --chat or --batch: chatml, plain or a file with a Jinja template, instead of "
               "the model's own",
               "plain"},
              flags.chat_template);
  options.add_path(
      {"batch",
       "a file with a JSON object a line, `prompt` or `messages` (and `tools`), and `id` if you "
       "like; -: standard input; prints one for each, in their order",
       "questions.jsonl"},
      flags.batch);
  options.add({"ids", "token ids to continue, instead of a text", "15496,995"}, flags.ids);
}

bool is_given(const OptionSet& options, const char* key) {
  return options.source(key) != OptionSource::default_value;
}

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
  if (is_given(options, "output") && !is_given(options, "batch"))
    throw Error(ErrorCode::invalid_argument,
                "[generate] --output is for the rows of --batch: a text goes to standard output");
}

std::vector<std::int32_t> prompt_of(const PromptFlags& flags, const OptionSet& options,
                                    const infer::LoadedModel& model,
                                    infer::GenerateOptions& writing) {
  if (is_given(options, "chat")) return chat_ids(flags, options, model, writing);
  if (is_given(options, "ids")) return parse_ids(flags.ids);
  if (is_given(options, "prompt"))
    return infer::prompt_ids(model, flags.prompt, flags.allow_special);
  std::string text = read_any_text(flags.prompt_file);
  // The end of the last line is the editor's, not the prompt's.
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return infer::prompt_ids(model, text, flags.allow_special);
}

}  // namespace stemma::cli

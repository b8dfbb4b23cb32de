#include <array>
#include <cstdlib>
#include <memory>

#include <fmt/format.h>
#include <unistd.h>

#include "base/file.h"
#include "base/progress.h"
#include "checkpoint/gguf_tokenizer.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/tokenizer/inspect_report.h"
#include "data/text_files.h"
#include "text/report/token_html.h"
#include "text/report/token_terminal.h"
#include "text/tokenizer.h"

namespace stemma::cli {
namespace {

struct TokenizerInspectOptions {
  std::vector<std::string> tokenizers;
  std::string input, text, html;
  std::int64_t show = 0;
  bool ids = false, json = false;
};

constexpr std::int64_t kTerminalBytes = 4000;

std::string read_input(const TokenizerInspectOptions& o) {
  if (o.input.empty() == o.text.empty())
    throw Error(ErrorCode::invalid_argument,
                "[tokenizer inspect] give --input FILE (- for standard input) or --text TEXT that "
                "is not empty, "
                "one of both");
  if (!o.text.empty()) return o.text;
  return read_any_text(o.input);
}

// The ids of the first `bytes` bytes, at least one.
std::span<const std::int32_t> beginning(const report::InspectedText& one, std::int64_t bytes) {
  std::size_t count = 0;
  for (std::int64_t sum = 0; count < one.ids.size(); ++count) {
    sum += static_cast<std::int64_t>(one.tokenizer.bytes_of(one.ids[count]).size());
    if (count > 0 && sum > bytes) break;
  }
  return std::span(one.ids).first(count);
}

void show(const TokenizerInspectOptions& o, const std::vector<report::InspectedText>& texts) {
  const char* no_colour = std::getenv("NO_COLOR");
  const bool plain = no_colour != nullptr && *no_colour != '\0';
  const report::TerminalStyle style{.colour = ::isatty(STDOUT_FILENO) == 1 && !plain, .ids = o.ids};
  const report::TokenStatistics& s = texts.front().statistics;
  std::string text;
  for (const report::InspectedText& one : texts) {
    const auto ids = beginning(one, o.show > 0 ? o.show : kTerminalBytes);
    text += report::tokens_for_terminal(one.tokenizer, ids, style);
    if (ids.size() < one.ids.size())
      text += fmt::format("... the first {} of {} tokens\n", ids.size(), one.ids.size());
    text += "\n";
  }
  text += fmt::format("{} bytes, {} characters, {} words", s.bytes, s.characters, s.words);
  text +=
      s.invalid_bytes > 0 ? fmt::format(", {} bytes that are not UTF-8\n", s.invalid_bytes) : "\n";
  for (const report::InspectedText& one : texts) text += statistics_for_people(one);
  print(text);
}

int run_tokenizer_inspect(const TokenizerInspectOptions& o) {
  std::vector<FileOption> inputs{{"input", o.input == "-" ? "" : o.input}};
  for (const std::string& name : o.tokenizers) inputs.push_back({"tokenizer", name});
  check_outputs("tokenizer inspect", std::array{FileOption{"html", o.html}}, inputs);
  const std::string input = read_input(o);
  std::vector<std::shared_ptr<const Tokenizer>> tokenizers;
  std::vector<report::InspectedText> texts;
  for (const std::string& name : o.tokenizers) {
    tokenizers.push_back(checkpoint::tokenizer_from(name));
    std::vector<std::int32_t> ids;
    tokenizers.back()->encode(input, ids);
    report::TokenStatistics statistics = report::token_statistics(*tokenizers.back(), input, ids);
    // Shown as a model gets them; the figures are of the text alone.
    ids = tokenizers.back()->frame(ids).ids;
    texts.push_back({name, *tokenizers.back(), std::move(ids), std::move(statistics)});
  }
  if (!o.html.empty()) {
    report::TokenPageOptions page;
    page.title = o.text.empty() ? (o.input == "-" ? "standard input" : o.input) : "a text";
    if (o.show > 0) page.shown_bytes = static_cast<std::size_t>(o.show);
    AtomicFile file(o.html);
    file.write(report::token_page(texts, page));
    file.commit();
  }
  if (o.json) return print_json(inspection_json(texts));
  show(o, texts);
  return interrupted_or_done();
}

}  // namespace

void add_tokenizer_inspect(Program& program) {
  auto o = std::make_shared<TokenizerInspectOptions>();
  Command& c = program.add("tokenizer inspect", "a text's tokens, coloured, with statistics");
  c.about =
      "Shows how a tokenizer cuts a text: each token on a colour of its own (between │ where "
      "standard output is no terminal or NO_COLOR is set), spaces, line ends and bytes made "
      "visible, "
      "then bytes per token, tokens per word, how much of the vocabulary is used, the most "
      "frequent "
      "and the longest tokens. --html writes the same as a page that needs no other file. "
      "Statistics "
      "are always of the whole text.";
  c.examples = {
      "stemma tokenizer inspect --tokenizer gpt2 --text \"Hello world\" --ids",
      "stemma tokenizer inspect --tokenizer gpt2 o200k_base --input book.txt --html page.html"};
  c.options.add_path(
      {"tokenizer",
       fmt::format("names ({}), tokenizer.json files or folders; several are set side by side",
                   default_tokenizer_name()),
       std::string(default_tokenizer_name())},
      o->tokenizers);
  c.options.add_path({"input", "the file to look at; -: standard input", "book.txt"}, o->input);
  c.options.add({"text", "the text itself, in place of --input", "\"Hello world\""}, o->text);
  c.options.add({"ids", "show each token's id", "true"}, o->ids);
  c.options.add({"show", "bytes of text whose tokens are shown; 0: 4000, on a page 100000", "4000"},
                o->show, {0, 100'000'000});
  c.options.add_path({"html", "a page to write", "page.html"}, o->html);
  declare_json(o->json, c.options);
  c.required = {"tokenizer"};
  c.run = [o] { return run_tokenizer_inspect(*o); };
}

}  // namespace stemma::cli

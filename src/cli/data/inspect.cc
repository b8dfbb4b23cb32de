#include "data/inspect.h"

#include <memory>

#include <fmt/format.h>

#include "base/progress.h"
#include "checkpoint/gguf_tokenizer.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "text/tokenizer.h"

namespace stemma::cli {
namespace {

struct DataInspectOptions {
  std::string input, tokenizer;
  DocumentOptions documents;
  bool json = false;
};

Json split_json(const SplitInspection& s) {
  Json ids{Json::Array{}};
  for (const std::int32_t id : s.sample_ids) ids.push_back(id);
  Json split = Json::object({{"name", s.name},
                             {"documents", s.documents},
                             {"tokens", s.tokens},
                             {"text_bytes", static_cast<std::int64_t>(s.text_bytes)},
                             {"files", static_cast<std::int64_t>(s.files)},
                             {"shortest", static_cast<std::int64_t>(s.shortest)},
                             {"longest", static_cast<std::int64_t>(s.longest)},
                             {"sample_ids", std::move(ids)}});
  if (!s.sample_text.empty()) split.set("sample_text", s.sample_text);
  return split;
}

Json result_json(const DataInspection& found) {
  Json splits{Json::Array{}};
  for (const SplitInspection& s : found.splits) splits.push_back(split_json(s));
  Json out = Json::object({{"packed", found.packed}, {"splits", std::move(splits)}});
  if (!found.packed) return out;
  out.set("vocab_size", found.vocab_size);
  out.set("separator", found.separator ? Json(*found.separator) : Json());
  out.set("tokenizer_fingerprint", found.tokenizer_fingerprint);
  out.set("tokenizer", found.tokenizer_folder.string());
  out.set("note", found.note);
  return out;
}

std::string for_people(const DataInspection& found) {
  std::string text =
      found.packed ? fmt::format("packed data, vocabulary {}\n", found.vocab_size) : "";
  const char* unit = found.packed ? "tokens" : "bytes";
  for (const SplitInspection& s : found.splits) {
    text += fmt::format("{}: {} documents in {} files, {} of text", s.name, s.documents, s.files,
                        format_bytes(s.text_bytes));
    if (found.packed) text += fmt::format(", {} tokens", s.tokens);
    text += fmt::format("; a document has {} to {} {}\n", s.shortest, s.longest, unit);
    if (!s.sample_text.empty()) text += fmt::format("begins with:\n{}\n", s.sample_text);
  }
  if (!found.note.empty()) text += fmt::format("note: {}\n", found.note);
  return text;
}

int run_data_inspect(const DataInspectOptions& o) {
  std::shared_ptr<const Tokenizer> tokenizer;
  if (!o.tokenizer.empty()) tokenizer = checkpoint::tokenizer_from(o.tokenizer);
  const DataInspection found = inspect_dataset(o.input, tokenizer.get(), o.documents);
  if (o.json) return print_json(result_json(found));
  print(for_people(found));
  return interrupted_or_done();
}

}  // namespace

void add_data_inspect(Program& program) {
  auto o = std::make_shared<DataInspectOptions>();
  Command& c = program.add("data inspect", "what a packed folder or a text file holds");
  c.about =
      "Counts documents, tokens and bytes, and shows how the first document begins. A packed "
      "folder is "
      "checked completely (sizes, checksums, ids); with --tokenizer its sample is shown as text.";
  c.examples = {"stemma data inspect packed --tokenizer packed/tokenizer",
                "stemma data inspect web.jsonl.zst"};
  c.options.add_path({"input", "a packed folder, a text file or a folder of them", "packed"},
                     o->input);
  c.options.add_path({"tokenizer", "to show packed data as text; must be the one that packed them",
                      std::string(default_tokenizer_name())},
                     o->tokenizer);
  declare(o->documents, c.options);
  declare_json(o->json, c.options);
  c.positional = "input";
  c.required = {"input"};
  c.run = [o] { return run_data_inspect(*o); };
}

}  // namespace stemma::cli

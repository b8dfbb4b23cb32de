#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "data/documents.h"
#include "infer/hidden_states.h"

namespace stemma::cli {
namespace {

// Texts that are read, embedded and printed together.
constexpr std::size_t kTextsAtOnce = 256;

struct EmbedOptions {
  ModelFlags model;
  std::string text, input;
  DocumentOptions documents;
};

void append_lines(std::string_view all, std::vector<std::string>& lines) {
  for (std::size_t begin = 0; begin < all.size();) {
    const std::size_t end = std::min(all.find('\n', begin), all.size());
    std::string_view line = all.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
    begin = end + 1;
  }
}

// The text itself, or the lines of the files, or the texts of their rows.
std::vector<std::string> texts_of(const EmbedOptions& o, const OptionSet& options) {
  const bool text = options.source("text") != OptionSource::default_value;
  const bool input = options.source("input") != OptionSource::default_value;
  if (text == input)
    throw Error(ErrorCode::invalid_argument, "[embed] give one of --text and --input");
  if (text) return {o.text};
  DocumentOptions documents = o.documents;
  documents.group_bytes = documents.limit_bytes;  // a plain text in one piece
  DocumentReader reader(find_documents({o.input}, documents), documents);
  std::vector<std::string> texts;
  for (Document document; reader.next(document);) {
    if (reader.found().files[document.file].json_lines)
      texts.push_back(std::move(document.text));
    else
      append_lines(document.text, texts);
  }
  log_reading(reader);
  if (texts.empty())
    throw Error(ErrorCode::corrupt,
                fmt::format("[embed] {} holds no text: there is nothing to embed", o.input));
  return texts;
}

bool print_row(const std::string& text, const infer::TextVector& vector) {
  Json values{Json::Array{}};
  for (const float value : vector.values) values.push_back(Json::of_float(value));
  const Json row =
      Json::object({{"text", text}, {"tokens", vector.tokens}, {"embedding", std::move(values)}});
  return print(row.dump() + "\n");
}

int run_embed(const EmbedOptions& o, const OptionSet& options) {
  const std::vector<std::string> texts = texts_of(o, options);
  const infer::LoadedModel model = infer::LoadedModel::open(o.model.options());
  const infer::TextEmbedder embedder(model,
                                     infer::Pooling::of_folder(model.path(), model.config()));
  for (std::size_t first = 0; first < texts.size() && !process_interrupt().requested();
       first += kTextsAtOnce) {
    const std::span<const std::string> some =
        std::span(texts).subspan(first, std::min(kTextsAtOnce, texts.size() - first));
    const std::vector<infer::TextVector> vectors = embedder.embed(some);
    for (std::size_t i = 0; i < some.size(); ++i) {
      if (vectors[i].cut_tokens > 0)
        log_warning(fmt::format("text {}: its last {} tokens are cut; the model reads {} at most",
                                first + i + 1, vectors[i].cut_tokens,
                                embedder.pooling().max_tokens));
      if (!print_row(some[i], vectors[i])) return interrupted_or_done();
    }
  }
  return interrupted_or_done();
}

}  // namespace

void add_embed(Program& program) {
  auto o = std::make_shared<EmbedOptions>();
  Command& c = program.add("embed", "texts to vectors");
  c.about =
      "Prints a line of JSON for each text: text, tokens, and embedding, the vector that the "
      "model's states are pooled to. A sentence-transformers folder says how (modules.json, the "
      "pooling's config.json, sentence_bert_config.json); any other model gives the mean over the "
      "text's tokens, normalised to length 1. The scalar product of two such vectors is their "
      "cosine similarity. A text that is longer than the model reads is cut, and a warning says by "
      "how many tokens.";
  c.examples = {"stemma embed --model minilm/ --text \"A cat sat on the mat.\"",
                "stemma embed --model minilm/ --input sentences.txt"};
  declare(o->model, c.options);
  c.options.add({"text", "one text", "\"A cat sat on the mat.\""}, o->text);
  c.options.add_path(
      {"input",
       "a file with a text in each line, JSON lines, a folder of them, or - for standard "
       "input; .gz and .zst too",
       "sentences.txt"},
      o->input);
  declare(o->documents, c.options);
  c.required = {"model"};
  c.run = [o, &c] { return run_embed(*o, c.options); };
}

}  // namespace stemma::cli

#include "checkpoint/stored_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/checkpoint_source.h"
#include "checkpoint/gguf_source.h"
#include "checkpoint/gguf_tokenizer.h"
#include "checkpoint/run_folder.h"

namespace stemma::checkpoint {
namespace {

namespace fs = std::filesystem;

StoredModel open_gguf(const fs::path& path, WithTokenizer tokenizer) {
  StoredModel stored;
  auto source = std::make_unique<GgufSource>(path);
  stored.path = path;
  stored.config = source->config();
  const GgufMetadata& metadata = source->file().metadata();
  if (tokenizer == WithTokenizer::yes && metadata.find("tokenizer.ggml.model") != nullptr) {
    stored.tokenizer = tokenizer_of(metadata);
    require_fitting(*stored.tokenizer, stored.config.model, path);
  }
  stored.source = std::move(source);
  return stored;
}

}  // namespace

void require_fitting(const Tokenizer& tokenizer, const ModelConfig& model, const fs::path& path) {
  if (tokenizer.vocab_size() <= model.vocab) return;
  std::vector<std::string> beyond;
  for (const auto& [name, id] : tokenizer.special_tokens())
    if (id >= model.vocab) beyond.push_back(fmt::format("{} ({})", in_quotes(name), id));
  std::int64_t ids = 0;
  for (std::int32_t id = static_cast<std::int32_t>(model.vocab); id < tokenizer.vocab_size(); ++id)
    ids += tokenizer.has_token(id) ? 1 : 0;
  if (ids > std::ssize(beyond) || tokenizer.end_of_text().value_or(0) >= model.vocab)
    throw Error(ErrorCode::corrupt,
                fmt::format("[model] the tokenizer has {} ids, the model in {} only {}: they do "
                            "not belong together",
                            tokenizer.vocab_size(), path.string(), model.vocab));
  log_info(
      fmt::format("{}: the model has no embedding for the special token{} {}, which cannot be "
                  "used",
                  path.string(), beyond.size() == 1 ? "" : "s", fmt::join(beyond, ", ")));
}

StoredModel open_stored_model(const fs::path& path, WithTokenizer tokenizer) {
  std::error_code ignored;
  StoredModel stored;
  if (fs::is_regular_file(path, ignored)) return open_gguf(path, tokenizer);
  const ModelFolder found = resolve_model_folder(path);
  for (const std::string& warning : found.warnings) log_warning(warning);
  auto source = std::make_unique<CheckpointSource>(found.folder, Memory::shared);
  stored.path = found.folder;
  stored.config = source->config();
  stored.generation = read_generation_config(found.folder);
  stored.source = std::move(source);
  if (tokenizer == WithTokenizer::yes && has_tokenizer(found.folder)) {
    // Absolute, so that its name is no built-in tokenizer's.
    stored.tokenizer = open_tokenizer(fs::absolute(found.folder).string());
    require_fitting(*stored.tokenizer, stored.config.model, stored.path);
  }
  return stored;
}

}  // namespace stemma::checkpoint

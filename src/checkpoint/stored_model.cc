#include "checkpoint/stored_model.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/checkpoint_source.h"
#include "checkpoint/gguf_source.h"
#include "checkpoint/gguf_tokenizer.h"
#include "checkpoint/run_folder.h"

namespace stemma::checkpoint {
namespace {

namespace fs = std::filesystem;

bool has_tokenizer(const fs::path& folder) {
  for (const char* name : {"tokenizer.json", "vocab.txt"})
    if (fs::exists(folder / name)) return true;
  return fs::exists(folder / "vocab.json") && fs::exists(folder / "merges.txt");
}

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
  throw Error(ErrorCode::corrupt,
              fmt::format("[model] the tokenizer has {} ids, the model in {} only {}: they do not "
                          "belong together",
                          tokenizer.vocab_size(), path.string(), model.vocab));
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
  stored.generation = read_generation_config(found.folder / "generation_config.json");
  stored.source = std::move(source);
  if (tokenizer == WithTokenizer::yes && has_tokenizer(found.folder)) {
    // Absolute, so that a folder that is called as a built-in tokenizer is still a folder.
    stored.tokenizer = open_tokenizer(fs::absolute(found.folder).string());
    require_fitting(*stored.tokenizer, stored.config.model, stored.path);
  }
  return stored;
}

}  // namespace stemma::checkpoint

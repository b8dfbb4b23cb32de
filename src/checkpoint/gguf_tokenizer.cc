#include "checkpoint/gguf_tokenizer.h"

#include <filesystem>
#include <limits>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/gguf.h"
#include "checkpoint/run_folder.h"
#include "text/files/gguf_vocabulary.h"
#include "text/fingerprint.h"

namespace stemma::checkpoint {
namespace {

std::optional<std::int64_t> token_id(const GgufMetadata& metadata, std::string_view key) {
  if (metadata.find(key) == nullptr) return std::nullopt;
  return metadata.integer(key);
}

}  // namespace

std::shared_ptr<const Tokenizer> tokenizer_of(const GgufMetadata& metadata) {
  tokenizer_files::GgufVocabulary vocabulary;
  vocabulary.where = metadata.where();
  vocabulary.model = metadata.string("tokenizer.ggml.model");
  vocabulary.pre = metadata.string("tokenizer.ggml.pre", "");
  // Known before the arrays are: another kind of tokenizer has other ones.
  if (vocabulary.model != "gpt2") return tokenizer_files::tokenizer_of(vocabulary);
  vocabulary.tokens = metadata.strings("tokenizer.ggml.tokens");
  vocabulary.merges = metadata.strings("tokenizer.ggml.merges");
  // A number that fits no type stays a number of no type.
  for (const std::int64_t type : metadata.integers("tokenizer.ggml.token_type"))
    vocabulary.types.push_back(type >= 0 && type <= std::numeric_limits<std::int32_t>::max()
                                   ? static_cast<std::int32_t>(type)
                                   : -1);
  vocabulary.bos = token_id(metadata, "tokenizer.ggml.bos_token_id");
  vocabulary.eos = token_id(metadata, "tokenizer.ggml.eos_token_id");
  vocabulary.unknown = token_id(metadata, "tokenizer.ggml.unknown_token_id");
  vocabulary.pad = token_id(metadata, "tokenizer.ggml.padding_token_id");
  vocabulary.adds_bos = metadata.boolean("tokenizer.ggml.add_bos_token", false);
  vocabulary.adds_eos = metadata.boolean("tokenizer.ggml.add_eos_token", false);
  vocabulary.adds_space = metadata.boolean("tokenizer.ggml.add_space_prefix", false);
  vocabulary.chat_template = metadata.string("tokenizer.chat_template", "");
  return tokenizer_files::tokenizer_of(vocabulary);
}

std::shared_ptr<const Tokenizer> tokenizer_from(const std::string& source) {
  const std::filesystem::path path = source;
  std::error_code ignored;
  if (has_checkpoints(path) && !has_tokenizer(path))
    return open_tokenizer(std::filesystem::absolute(resolve_model_folder(path).folder).string());
  if (path.extension() != ".gguf" || !std::filesystem::is_regular_file(path, ignored))
    return open_tokenizer(source);
  return tokenizer_of(GgufReader(path).metadata());
}

std::shared_ptr<const Tokenizer> tokenizer_of_model(const std::filesystem::path& model) {
  if (model.extension() == ".gguf") return tokenizer_from(model.string());
  if (!std::filesystem::is_directory(model)) return nullptr;
  const std::filesystem::path folder = resolve_model_folder(model).folder;
  return has_tokenizer(folder) ? open_tokenizer(std::filesystem::absolute(folder).string())
                               : nullptr;
}

void warn_of_other_tokenizer(const Tokenizer& given, const std::filesystem::path& model) {
  std::shared_ptr<const Tokenizer> own;
  try {
    own = tokenizer_of_model(model);
  } catch (const Error& error) {
    log_topic("tokenizer", error.what());
  }
  if (own && tokenizer_fingerprint(given) != tokenizer_fingerprint(*own))
    log_warning(
        fmt::format("[model] the tokenizer that was named is not the one of {}: its ids "
                    "mean other tokens to that model",
                    model.string()));
}

}  // namespace stemma::checkpoint

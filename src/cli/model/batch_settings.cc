#include "cli/model/batch_settings.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include <fmt/format.h>

#include "base/file.h"
#include "base/hash.h"
#include "device/cpu.h"

namespace stemma::cli {
namespace {

namespace fs = std::filesystem;

std::string hex(std::uint64_t hash) { return fmt::format("{:016x}", hash); }

// What a model's folder says: weights, configuration, tokenizer and template, not its logs.
bool is_read(const fs::path& file) {
  constexpr std::array kRead = {".safetensors", ".json", ".txt", ".tiktoken", ".jinja"};
  return std::ranges::count(kRead, file.extension().string()) > 0;
}

// Of a file's content, of the files of a folder, or of a text that names neither.
std::string content_hash(const std::string& text_or_path) {
  if (text_or_path.empty()) return {};
  std::error_code ignored;
  const fs::path path(text_or_path);
  if (fs::is_regular_file(path, ignored)) return hex(hash64(MappedFile(path).bytes()));
  if (!fs::is_directory(path, ignored)) return hex(hash64(text_or_path));
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(path))
    if (entry.is_regular_file() && is_read(entry.path())) files.push_back(entry.path());
  std::ranges::sort(files);
  std::uint64_t hash = 0;
  for (const fs::path& file : files)
    hash = hash64(MappedFile(file).bytes(), hash64(file.filename().string(), hash));
  return hex(hash);
}

Json texts_json(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) list.push_back(text);
  return list;
}

}  // namespace

Json batch_settings(const infer::LoadedModel& model, const ModelFlags& flags,
                    const infer::GenerateOptions& writing, const PromptFlags& prompt,
                    const ConstraintFlags& constraint) {
  Json settings = Json::object({{"kernels", to_string(kernel_path())},
                                {"model", content_hash(model.path().string())},
                                {"adapter", content_hash(flags.adapter)},
                                {"tokenizer", content_hash(flags.tokenizer)},
                                {"precision", to_string(model.numerics().multiply)},
                                {"weights", flags.weights},
                                {"cache_type", to_string(model.numerics().cache)},
                                {"chat_template", content_hash(prompt.chat_template)},
                                {"max_tokens", writing.max_tokens},
                                {"stop", texts_json(writing.stop)},
                                {"ignore_eot", writing.ignore_end_of_text},
                                {"allow_special", texts_json(prompt.allow_special)},
                                {"json_schema", content_hash(constraint.json_schema)},
                                {"json_object", constraint.json_object},
                                {"regex", constraint.regex},
                                {"choice", texts_json(constraint.choices)}});
  describe(writing.sampling, settings);
  return settings;
}

}  // namespace stemma::cli

#include "data/dataset.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "text/fingerprint.h"

namespace stemma {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void contradicts(const std::string& name, const std::string& what) {
  throw Error(ErrorCode::corrupt,
              fmt::format("[data] {}: {} does not agree with {}; pack the data again", name, what,
                          kManifestName));
}

std::shared_ptr<const Split> open_split(const fs::path& folder, const ShardInfo& info,
                                        const SplitManifest& manifest, const char* kind) {
  std::vector<TokenShard> shards;
  for (const std::string& name : manifest.shards) {
    const std::string path = (folder / name).string();
    std::error_code failure;
    if (!fs::exists(path, failure))
      throw Error(ErrorCode::corrupt,
                  fmt::format("[data] {} is missing; pack the data again", path));
    shards.emplace_back(path);
    if (shards.back().info() != info) contradicts(path, "its vocabulary or tokenizer");
  }
  auto split = std::make_shared<Split>(fmt::format("{} data of {}", kind, folder.string()),
                                       std::move(shards));
  if (split->tokens() != manifest.tokens || split->documents() != manifest.documents ||
      static_cast<std::int64_t>(split->text_bytes()) != manifest.text_bytes)
    contradicts(folder.string(), fmt::format("the {} data's number of tokens or documents", kind));
  return split;
}

std::shared_ptr<const std::vector<std::uint32_t>> read_token_bytes(const fs::path& folder,
                                                                   std::int64_t vocab_size) {
  const fs::path path = folder / kTokenBytesName;
  const MappedFile file(path);
  const auto count = static_cast<std::size_t>(vocab_size);
  if (file.bytes().size() != count * sizeof(std::uint32_t))
    contradicts(path.string(), fmt::format("its size of {} bytes", file.bytes().size()));
  auto counts = std::make_shared<std::vector<std::uint32_t>>(count);
  std::memcpy(counts->data(), file.bytes().data(), file.bytes().size());
  return counts;
}

// A name for everything that decides what packing gives.
std::string source_key(const TextFiles& found, std::uint64_t tokenizer,
                       const PackOptions& options) {
  std::string text =
      fmt::format("2 {:016x} {} {} {} {} {} {} {} {}", tokenizer, options.documents.text_field,
                  options.documents.document_mark, options.documents.bad_rows,
                  options.documents.bad_rows_limit, options.documents.group_bytes,
                  options.documents.limit_bytes, options.validation_fraction, options.shard_tokens);
  for (const TextFile& file : found.files) {
    std::error_code failure;
    text +=
        fmt::format("\n{}\n{} ", fs::absolute(file.path).lexically_normal().string(), file.bytes);
    text +=
        file.piped
            ? fmt::format("{:016x}", hash64(*file.piped))
            : fmt::format("{}", fs::last_write_time(file.path, failure).time_since_epoch().count());
  }
  return fmt::format("{:016x}", hash64(text));
}

// The cache, where it is whole and was packed from the same.
std::optional<Dataset> open_cache(const fs::path& folder, const std::string& source) {
  if (!is_packed(folder)) return std::nullopt;
  try {
    Dataset cached = Dataset::open(folder);
    if (cached.manifest().source == source) return cached;
  } catch (const Error&) {
    // A damaged cache is made again, which also tells of any lasting trouble with the folder.
  }
  return std::nullopt;
}

}  // namespace

Dataset Dataset::open(const fs::path& folder) {
  Dataset data;
  data.folder_ = folder;
  data.manifest_ = read_manifest(folder);
  const Manifest& manifest = data.manifest_;
  data.train_ = open_split(folder, manifest.info, manifest.train, "training");
  data.validation_ = open_split(folder, manifest.info, manifest.validation, "validation");
  data.token_byte_counts_ = read_token_bytes(folder, manifest.info.vocab_size);
  return data;
}

bool is_packed(const fs::path& folder) {
  std::error_code failure;
  return fs::is_regular_file(folder / kManifestName, failure);
}

std::optional<Dataset> open_dataset(const std::vector<fs::path>& paths, const Tokenizer& tokenizer,
                                    const fs::path& cache_folder, PackOptions options) {
  if (paths.empty())
    throw Error(ErrorCode::invalid_argument,
                "[data] no data were named; name text files, folders of them or a packed folder");
  const std::uint64_t fingerprint = tokenizer_fingerprint(tokenizer);
  if (const auto packed = std::find_if(paths.begin(), paths.end(), is_packed);
      packed != paths.end()) {
    if (paths.size() > 1)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("[data] {} is a packed folder and must be the only data named",
                              packed->string()));
    Dataset data = Dataset::open(*packed);
    if (data.manifest().info.tokenizer_fingerprint != fingerprint)
      throw Error(ErrorCode::corrupt,
                  fmt::format("[data] {} was packed with another tokenizer; use the one in {} or "
                              "pack the data again",
                              packed->string(), data.tokenizer_folder().string()));
    return data;
  }
  const TextFiles files = find_documents(paths, options.documents);
  options.source = source_key(files, fingerprint, options);
  options.overwrite = true;
  if (std::optional<Dataset> cached = open_cache(cache_folder, options.source)) return cached;
  if (!pack_documents(files, tokenizer, cache_folder, options)) return std::nullopt;
  return Dataset::open(cache_folder);
}

}  // namespace stemma

#include "data/manifest.h"

#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace stemma {
namespace {

constexpr std::string_view kFormat = "stemma-dataset";
constexpr std::int64_t kManifestVersion = 1;
constexpr std::uint64_t kLimitBytes = 64 << 20;

Json to_json(const SplitManifest& split) {
  Json::Array shards(split.shards.begin(), split.shards.end());
  return Json::object({{"documents", split.documents},
                       {"tokens", split.tokens},
                       {"text_bytes", split.text_bytes},
                       {"shards", std::move(shards)}});
}

[[noreturn]] void damaged(const std::string& name, const std::string& what) {
  throw Error(ErrorCode::corrupt, fmt::format("[data] {}: {}; pack the data again", name, what));
}

SplitManifest split_from(const Json& json, const std::string& name) {
  SplitManifest split{json.at("documents").as_int(),
                      json.at("tokens").as_int(),
                      json.at("text_bytes").as_int(),
                      {}};
  if (split.documents < 0 || split.tokens < 0 || split.text_bytes < 0)
    damaged(name, "a count is negative");
  for (const Json& shard : json.at("shards").as_array()) {
    const std::string& file = shard.as_string();
    // A name that leaves the folder would read files that nobody asked for.
    if (file.empty() || std::filesystem::path(file).filename() != file || file == "..")
      damaged(name, fmt::format("shard '{}' is not a plain file name", file));
    split.shards.push_back(file);
  }
  return split;
}

std::uint64_t fingerprint_from(const std::string& text, const std::string& name) {
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (failure != std::errc() || end != text.data() + text.size())
    damaged(name, fmt::format("tokenizer fingerprint '{}' is not a hexadecimal number", text));
  return value;
}

}  // namespace

void write_manifest(const std::filesystem::path& folder, const Manifest& manifest) {
  const ShardInfo& info = manifest.info;
  const Json json =
      Json::object({{"format", kFormat},
                    {"version", kManifestVersion},
                    {"vocab_size", info.vocab_size},
                    {"separator", info.separator ? Json(*info.separator) : Json()},
                    {"tokenizer_fingerprint", fmt::format("{:016x}", info.tokenizer_fingerprint)},
                    {"source", manifest.source},
                    {"note", manifest.note},
                    {"train", to_json(manifest.train)},
                    {"validation", to_json(manifest.validation)}});
  AtomicFile file(folder / kManifestName);
  file.write(json.dump(2) + "\n");
  file.commit();
}

Manifest read_manifest(const std::filesystem::path& folder) {
  const std::string name = (folder / kManifestName).string();
  std::error_code failure;
  if (!std::filesystem::exists(name, failure))
    throw Error(ErrorCode::not_found,
                fmt::format("[data] {}: not a packed data set (no {}, or its packing was cut off); "
                            "pack it with `stemma data pack`",
                            folder.string(), kManifestName));
  const Json json = Json::parse(read_file(name, kLimitBytes), name);
  if (!json.is_object() || json.get("format", "") != kFormat)
    damaged(name, fmt::format("its format is not '{}'", kFormat));
  if (const std::int64_t version = json.at("version").as_int(); version != kManifestVersion)
    throw Error(ErrorCode::unsupported,
                fmt::format("[data] {}: version {}, this program reads version {}; pack the data "
                            "again",
                            name, version, kManifestVersion));
  Manifest manifest;
  manifest.info.vocab_size = json.at("vocab_size").as_int();
  if (const Json& separator = json.at("separator"); !separator.is_null()) {
    const std::int64_t id = separator.as_int();
    if (id < 0 || id > std::numeric_limits<std::int32_t>::max() || id >= manifest.info.vocab_size)
      damaged(name, fmt::format("separator {} is outside the vocabulary", id));
    manifest.info.separator = static_cast<std::int32_t>(id);
  }
  manifest.info.tokenizer_fingerprint =
      fingerprint_from(json.at("tokenizer_fingerprint").as_string(), name);
  manifest.source = json.get("source", "");
  manifest.note = json.get("note", "");
  manifest.train = split_from(json.at("train"), name);
  manifest.validation = split_from(json.at("validation"), name);
  return manifest;
}

}  // namespace stemma

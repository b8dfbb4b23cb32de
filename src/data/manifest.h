// dataset.json: what a packed folder holds. It is written last, so a folder that has one is whole.
//
//   {"format": "stemma-dataset", "version": 1, "vocab_size": 50257, "separator": 50256,
//    "tokenizer_fingerprint": "16 hex digits", "source": "16 hex digits or empty", "note": "...",
//    "train":      {"documents": 990, "tokens": 1000000, "text_bytes": 4000000,
//                   "shards": ["train-00000.tokens"]},
//    "validation": {...}}
//
// `separator` is null where the tokenizer has no end-of-text. Beside it lie the shards, the folder
// `tokenizer/` and `token_bytes.u32`: for each id the bytes of text it stands for, u32
// little-endian.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/shards.h"

namespace stemma {

inline constexpr const char* kManifestName = "dataset.json";
inline constexpr const char* kTokenBytesName = "token_bytes.u32";
inline constexpr const char* kTokenizerFolder = "tokenizer";

struct SplitManifest {
  std::int64_t documents = 0;
  std::int64_t tokens = 0;      // separators included
  std::int64_t text_bytes = 0;  // of the documents
  std::vector<std::string> shards;
};

struct Manifest {
  ShardInfo info;
  std::string source;  // what a cache was packed from (dataset.h); empty otherwise
  std::string note;    // what was unusual about the split; empty otherwise
  SplitManifest train, validation;
};

// Throws device.
void write_manifest(const std::filesystem::path& folder, const Manifest& manifest);
// Throws not_found (no dataset.json), corrupt, unsupported (another version).
Manifest read_manifest(const std::filesystem::path& folder);

}  // namespace stemma

// What `data inspect` shows: counts of a packed folder or of text files, and a sample of each.
//
//   DataInspection found = inspect_dataset("packed/");
//   for (const SplitInspection& split : found.splits) print(split.name, split.documents);
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/documents.h"
#include "text/tokenizer.h"

namespace stemma {

struct SplitInspection {
  std::string name;  // "train", "validation"; "text" for text files
  std::int64_t documents = 0;
  std::int64_t tokens = 0;  // separators included; 0 for text files
  std::uint64_t text_bytes = 0;
  std::size_t files = 0;  // shards, or text files
  // Of one document: tokens of packed data (separators not counted), bytes of text files.
  std::uint64_t shortest = 0, longest = 0;
  // The start of the first document: ids of packed data, at most 64; and at most 400 bytes of text
  // (from packed data only where a tokenizer was given).
  std::vector<std::int32_t> sample_ids;
  std::string sample_text;
};

struct DataInspection {
  bool packed = false;
  std::int64_t vocab_size = 0;  // the rest: packed data only
  std::optional<std::int32_t> separator;
  std::string tokenizer_fingerprint;  // 16 hexadecimal digits
  std::filesystem::path tokenizer_folder;
  std::string note;
  std::vector<SplitInspection> splits;
};

// `path`: a packed folder (all of it is checked), a text file or a folder of text files (all read).
// `tokenizer` may be null. Throws what Dataset::open and documents.h throw; corrupt where there is
// no document, or where the tokenizer is not the one of the packed data.
DataInspection inspect_dataset(const std::filesystem::path& path,
                               const Tokenizer* tokenizer = nullptr,
                               const DocumentOptions& options = {});

}  // namespace stemma

// Text files to a packed folder: tokens in shards, split into training and validation data.
//
//   PackOptions options;
//   auto report = pack_documents(find_text_files({"books/"}), *tokenizer, "packed/", options);
//   report->train.tokens;
//
// The split. A document is validation data when the XXH3-64 of its bytes, as a fraction of 2^64, is
// below `validation_fraction`: the same document falls on the same side whatever the order of
// files, and copies of a document never stand on both sides. Where that leaves one side empty,
// documents with the smallest hash become validation data (or, if all were validation, those with
// the largest become training data); a single document is training data. The report's `note` says
// so.
//
// The folder is created (its parents too) and holds dataset.json (manifest.h), `train-*.tokens`,
// `validation-*.tokens` (shards.h), `token_bytes.u32` and `tokenizer/`. dataset.json is removed
// first and written last: a folder that has one is whole, whenever the process dies. The result is
// the same for any number of threads.
//
// Memory: about 4 MiB of text or the longest document, its tokens, and 8 bytes a document of the
// current shard.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/documents.h"
#include "data/manifest.h"
#include "text/tokenizer.h"

namespace stemma {

struct PackProgress {
  std::int64_t documents = 0, tokens = 0;
  std::uint64_t read_bytes = 0, total_bytes = 0;  // on disk, compressed files as they lie
};

struct PackOptions {
  DocumentOptions documents;
  double validation_fraction = 0.01;        // 0 ≤ fraction < 1; 0: no validation data
  std::int64_t shard_tokens = 100'000'000;  // a shard ends with the document that reaches this
  int threads = 0;                          // 0: all that the process may use
  bool overwrite = false;                   // replace a packed folder
  std::string source;                       // kept in dataset.json (dataset.h uses it)
  // Called between blocks of documents, on the calling thread. False stops: no result, and nothing
  // of it remains in the folder.
  std::function<bool(const PackProgress&)> progress;
};

struct PackReport {
  SplitManifest train, validation;
  std::uint64_t source_bytes = 0;  // of the files on disk
  ReadingNotes reading;
  std::string note;
};

// Empty when options.progress stopped it. Throws invalid_argument (options; the folder holds a
// packed data set and overwrite is false), corrupt (no documents at all), what documents.h throws
// about the files, device about the folder.
std::optional<PackReport> pack_documents(const TextFiles& files, const Tokenizer& tokenizer,
                                         const std::filesystem::path& folder,
                                         const PackOptions& options);

}  // namespace stemma

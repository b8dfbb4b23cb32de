// A packed data set: training and validation data, opened from a packed folder or packed on the way
// from text files.
//
//   auto data = open_dataset({"books/"}, *tokenizer, run_folder / "data", {});
//   Sampler sampler(data->train(), {.sequence_length = 1024, .seed = 1});
//
// Text files are packed into a cache folder, which is used again as long as the files (path, size,
// time of change), the tokenizer and the options are the same. Copies share the mapped files; a
// Dataset is immutable and may be used by several threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/pack.h"
#include "data/split.h"
#include "text/tokenizer.h"

namespace stemma {

class Dataset {
 public:
  // A packed folder. Throws not_found (not one, or its packing was cut off), corrupt (any file of
  // it is damaged or contradicts the others; reads all shards once), unsupported, device.
  static Dataset open(const std::filesystem::path& folder);

  std::shared_ptr<const Split> train() const { return train_; }
  std::shared_ptr<const Split> validation() const { return validation_; }  // may be empty
  const Manifest& manifest() const { return manifest_; }
  const std::filesystem::path& folder() const { return folder_; }
  // Where packing saved the tokenizer: a `source` for open_tokenizer.
  std::filesystem::path tokenizer_folder() const { return folder_ / kTokenizerFolder; }
  // Bytes of text of each id, for bits per byte (EvaluationWindows).
  const std::vector<std::uint32_t>& token_byte_counts() const { return *token_byte_counts_; }

 private:
  std::filesystem::path folder_;
  Manifest manifest_;
  std::shared_ptr<const Split> train_, validation_;
  std::shared_ptr<const std::vector<std::uint32_t>> token_byte_counts_;
};

// Whether the folder holds a whole packed data set.
bool is_packed(const std::filesystem::path& folder);

// `paths`: one packed folder, or text files and folders of them. options.overwrite and
// options.source are set by this function. Empty when options.progress stopped the packing. Throws
// what pack.h and Dataset::open throw; corrupt when a packed folder belongs to another tokenizer;
// invalid_argument for a packed folder among other paths, or no path.
std::optional<Dataset> open_dataset(const std::vector<std::filesystem::path>& paths,
                                    const Tokenizer& tokenizer,
                                    const std::filesystem::path& cache_folder, PackOptions options);

}  // namespace stemma

#include "data/pack.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/threads.h"
#include "text/encode_batch.h"
#include "text/fingerprint.h"

namespace stemma {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlockBytes = 4 << 20;
constexpr std::size_t kBlockDocuments = 8192;

void check_options(const PackOptions& options) {
  if (!(options.validation_fraction >= 0) || !(options.validation_fraction < 1))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[data] the validation fraction must be at least 0 and below 1, got {}",
                            options.validation_fraction));
  if (options.shard_tokens < 1)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("[data] a shard must hold at least 1 token, got {}", options.shard_tokens));
}

// Removes what packing writes, dataset.json first; other files of the folder stay.
void clear_folder(const fs::path& folder) {
  std::error_code failure;
  fs::remove(folder / kManifestName, failure);
  std::vector<fs::path> ours;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    const std::string name = entry.path().filename().string();
    const bool of_split = name.starts_with("train-") || name.starts_with("validation-");
    // Temporary files of a packing that was killed go too: their names begin with the shard's.
    if ((of_split && name.find(".tokens") != std::string::npos) ||
        name.starts_with(kTokenBytesName) || name.starts_with(std::string(kManifestName) + ".tmp"))
      ours.push_back(entry.path());
  }
  for (const fs::path& path : ours) fs::remove(path, failure);
}

void prepare_folder(const fs::path& folder, bool overwrite) {
  std::error_code failure;
  if (!overwrite && fs::exists(folder / kManifestName, failure))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("[data] {} holds a packed data set already; choose another folder or "
                            "overwrite it (--overwrite)",
                            folder.string()));
  fs::create_directories(folder, failure);
  if (failure || !fs::is_directory(folder))
    throw Error(ErrorCode::device, fmt::format("[data] folder {} cannot be created: {}",
                                               folder.string(), failure.message()));
  clear_folder(folder);
}

// A document is validation data when its hash is below `end`.
struct HashSplit {
  std::uint64_t end = 0;
  std::string note;
};

// Looks at the documents until both sides have one; small or unusual data are read to their end.
std::optional<HashSplit> choose_split(const TextFiles& files, const PackOptions& options) {
  const auto end = static_cast<std::uint64_t>(std::ldexp(options.validation_fraction, 64));
  DocumentReader reader(files, options.documents);
  std::uint64_t smallest = ~0ull, largest = 0;
  std::int64_t documents = 0;
  for (Document document; reader.next(document); ++documents) {
    const std::uint64_t hash = hash64(document.text);
    smallest = std::min(smallest, hash);
    largest = std::max(largest, hash);
    if (smallest < end && largest >= end) return HashSplit{end, ""};
    if (end == 0) return HashSplit{0, "no validation data: the validation fraction is 0"};
    if (documents % 1024 == 0 && options.progress &&
        !options.progress({0, 0, 0, reader.total_bytes()}))
      return std::nullopt;
  }
  if (documents == 0)
    throw Error(ErrorCode::corrupt,
                fmt::format("[data] the data are empty: {} files without any text; name files that "
                            "have some",
                            files.files.size()));
  if (smallest == largest)
    return HashSplit{0, fmt::format("no validation data: {}; give more documents",
                                    documents == 1 ? "there is one document only"
                                                   : "all documents are the same")};
  if (largest < end)
    return HashSplit{largest, fmt::format("all {} documents fell to validation; the one with the "
                                          "largest hash was made training data",
                                          documents)};
  return HashSplit{smallest + 1, fmt::format("none of the {} documents fell to validation; the one "
                                             "with the smallest hash was taken",
                                             documents)};
}

// Writes the shards of one split.
class SplitWriter {
 public:
  SplitWriter(fs::path folder, std::string prefix, ShardInfo info, std::int64_t shard_tokens)
      : folder_(std::move(folder)), prefix_(std::move(prefix)), info_(info), limit_(shard_tokens) {}

  void add(std::span<const std::int32_t> ids, std::uint64_t text_bytes) {
    if (ids.empty()) return;
    if (!shard_) {
      const std::string name = fmt::format("{}-{:05}.tokens", prefix_, totals_.shards.size());
      shard_ = std::make_unique<ShardWriter>(folder_ / name, info_);
      totals_.shards.push_back(name);
    }
    shard_->add_document(ids, text_bytes);
    if (shard_->tokens() >= limit_) finish_shard();
  }

  SplitManifest finish() {
    finish_shard();
    return totals_;
  }

 private:
  void finish_shard() {
    if (!shard_) return;
    shard_->finish();
    totals_.documents += shard_->documents();
    totals_.tokens += shard_->tokens();
    totals_.text_bytes += static_cast<std::int64_t>(shard_->text_bytes());
    shard_.reset();
  }

  fs::path folder_;
  std::string prefix_;
  ShardInfo info_;
  std::int64_t limit_;
  std::unique_ptr<ShardWriter> shard_;
  SplitManifest totals_;
};

// Reads blocks of documents, encodes each on all workers and writes them in the order of the files.
class Packer {
 public:
  Packer(const Tokenizer& tokenizer, const fs::path& folder, const PackOptions& options,
         const ShardInfo& info)
      : tokenizer_(tokenizer),
        options_(options),
        workers_(options.threads > 0 ? options.threads : available_threads()),
        train_(folder, "train", info, options.shard_tokens),
        validation_(folder, "validation", info, options.shard_tokens) {}

  // False when options.progress stopped it; otherwise fills the counts of the report.
  bool run(const TextFiles& files, std::uint64_t validation_end, PackReport& report) {
    DocumentReader reader(files, options_.documents);
    PackProgress progress{0, 0, 0, reader.total_bytes()};
    while (read_block(reader)) {
      encode_block();
      for (std::size_t i = 0; i < used_; ++i) {
        const bool held_out = hash64(texts_[i]) < validation_end;
        (held_out ? validation_ : train_).add(ids_[i], texts_[i].size());
        progress.tokens += static_cast<std::int64_t>(ids_[i].size());
      }
      progress.documents += static_cast<std::int64_t>(used_);
      progress.read_bytes = reader.position_bytes();
      if (options_.progress && !options_.progress(progress)) return false;
    }
    report.train = train_.finish();
    report.validation = validation_.finish();
    report.source_bytes = reader.total_bytes();
    report.reading = reader.notes();
    log_reading(reader);
    return true;
  }

 private:
  bool read_block(DocumentReader& reader) {
    used_ = 0;
    Document document;
    for (std::size_t bytes = 0; bytes < kBlockBytes && used_ < kBlockDocuments; ++used_) {
      if (!reader.next(document)) break;
      bytes += document.text.size();
      if (used_ == texts_.size()) texts_.emplace_back();
      texts_[used_] = std::move(document.text);
    }
    return used_ > 0;
  }

  void encode_block() {
    const std::vector<std::string_view> texts(texts_.begin(),
                                              texts_.begin() + static_cast<std::ptrdiff_t>(used_));
    ids_ = encode_batch(tokenizer_, texts, workers_);
  }

  const Tokenizer& tokenizer_;
  const PackOptions& options_;
  Workers workers_;
  SplitWriter train_, validation_;
  std::vector<std::string> texts_;
  std::vector<std::vector<std::int32_t>> ids_;
  std::size_t used_ = 0;
};

void write_tokenizer(const Tokenizer& tokenizer, const fs::path& folder) {
  const std::vector<std::uint32_t> counts = token_byte_counts(tokenizer);
  AtomicFile file(folder / kTokenBytesName);
  file.write(std::as_bytes(std::span(counts)));
  file.commit();
  std::error_code failure;
  fs::create_directories(folder / kTokenizerFolder, failure);
  tokenizer.save(folder / kTokenizerFolder);
}

std::optional<PackReport> pack_into(const TextFiles& files, const Tokenizer& tokenizer,
                                    const fs::path& folder, const PackOptions& options,
                                    const HashSplit& split) {
  const ShardInfo info{tokenizer.vocab_size(), tokenizer.end_of_text(),
                       tokenizer_fingerprint(tokenizer)};
  Packer packer(tokenizer, folder, options, info);
  PackReport report;
  report.note = split.note;
  if (!packer.run(files, split.end, report)) return std::nullopt;
  write_tokenizer(tokenizer, folder);
  write_manifest(folder, {info, options.source, report.note, report.train, report.validation});
  return report;
}

}  // namespace

std::optional<PackReport> pack_documents(const TextFiles& files, const Tokenizer& tokenizer,
                                         const fs::path& folder, const PackOptions& options) {
  check_options(options);
  const std::optional<HashSplit> split = choose_split(files, options);
  if (!split) return std::nullopt;
  prepare_folder(folder, options.overwrite);
  try {
    std::optional<PackReport> report = pack_into(files, tokenizer, folder, options, *split);
    if (!report) clear_folder(folder);
    return report;
  } catch (...) {
    clear_folder(folder);
    throw;
  }
}

}  // namespace stemma

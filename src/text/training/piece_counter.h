// Counts the distinct pieces of a corpus, exactly, on several threads and in bounded memory: a
// partitioned hash aggregation that spills to disk. Private to text/.
//
//   PieceCounter counter({.memory_bytes = 64 << 20, .spill_folder = folder});
//   PieceTally tally(counter);                        // one for each thread
//   tally.add(text, begin, ends);                     // pieces as a splitter gives them
//   tally.flush();
//   counter.drain(1, [](std::string_view piece, std::uint64_t count) { ... });
//
// Every thread counts in a hash table of its own, small enough for its L2 cache (768 KiB). When it
// is full, its counts are added to shared tables, one for each of 64 partitions of the hash values.
// A shared table that outgrows its share of `memory_bytes` is written to disk and starts empty. At
// the end the partitions are processed one after the other: what was written of a partition is read
// back and added up. So the counts are exact and do not depend on the number of threads or their
// order.
//
// `memory_bytes` is kept for up to 32 times as many distinct pieces as fit in it. Every thread
// takes about 1 MiB beside it, and room for the longest piece that it saw. For errors see
// spill_file.h.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "text/training/piece_table.h"
#include "text/training/spill_file.h"

namespace stemma::bpe_training {

// The distinct pieces that occur equally often.
struct PieceClass {
  std::uint64_t pieces = 0, bytes = 0;
};

class PieceCounter {
 public:
  struct Options {
    std::uint64_t memory_bytes = std::uint64_t{1} << 30;
    std::filesystem::path spill_folder = std::filesystem::temp_directory_path();
  };
  explicit PieceCounter(Options options);

  // Any thread may call it.
  void add(const PieceKey& key, std::uint64_t count);

  // No other thread may use the counter during the calls below, and all tallies must be flushed.
  using Use = std::function<void(std::string_view piece, std::uint64_t count)>;
  // For each count, how many pieces have it.
  std::map<std::uint64_t, PieceClass> classes();
  // Calls use() for every piece that occurs at least `min_count` times, and removes all pieces.
  void drain(std::uint64_t min_count, const Use& use);
  bool spilled() const { return spill_ != nullptr; }

 private:
  static constexpr int kPartBits = 6;
  struct Part {
    std::mutex mutex;
    PieceTable table{kPartBits};
    std::vector<SpillFile::Run> runs;
  };

  void spill(Part& part);
  SpillFile& spill_file();
  // Reads back what was written of the part, so that part.table has all of it.
  void load(Part& part);

  Options options_;
  std::uint64_t part_bytes_ = 0;  // the size at which a shared table is written to disk
  std::array<Part, 1 << kPartBits> parts_;
  std::mutex spill_mutex_;
  std::unique_ptr<SpillFile> spill_;
};

// The counts of one thread, on their way to the counter. The counter must outlive it.
class PieceTally {
 public:
  explicit PieceTally(PieceCounter& counter);

  // Counts the pieces of `text` from `begin` on that end at `ends`.
  void add(std::string_view text, std::size_t begin, std::span<const std::size_t> ends);
  // Adds all counts to the counter. The destructor does not, because it can throw.
  void flush();

 private:
  static constexpr std::size_t kSlots = 1 << 15, kMaxLongBytes = 1 << 18, kBatch = 64;

  PieceCounter& counter_;
  PieceTable table_{0, kSlots};
  std::array<PieceKey, kBatch> keys_;
};

}  // namespace stemma::bpe_training

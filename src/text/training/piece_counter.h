// Counts the pieces of a corpus from several threads, exactly and in bounded memory. Private to
// text/.
//
//   PieceCounter counter({.memory_bytes = 64 << 20, .spill_folder = folder});
//   PieceTally tally(counter);                        // one a thread
//   tally.add(text, begin, ends);                     // pieces as a splitter gives them
//   tally.flush();
//   counter.drain(1, [](std::string_view piece, std::uint64_t count) { ... });
//
// Every thread counts in a small table of its own, that stays in its cache; when that is full, its
// counts go into shared tables, one for each of 64 parts of the hash values. A shared table that
// outgrows its share of `memory_bytes` goes to disk and begins anew; at the end what was written of
// a part is read and added up, one part after the other. So counts are exact, and the same whatever
// the threads did. `memory_bytes` is kept up to 32 times as many distinct pieces as fit in it;
// every thread has about 1 MiB beside it, and room for the longest piece that it saw. Errors:
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

  // From any thread.
  void add(const PieceKey& key, std::uint64_t count);

  // The rest needs the counter alone, with all tallies flushed.
  using Use = std::function<void(std::string_view piece, std::uint64_t count)>;
  // Count → the pieces with it.
  std::map<std::uint64_t, PieceClass> classes();
  // Calls use() for every piece that occurs at least `min_count` times, and forgets all.
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
  // The whole part, in part.table.
  void load(Part& part);

  Options options_;
  std::uint64_t part_bytes_ = 0;  // of a table before it goes to disk
  std::array<Part, 1 << kPartBits> parts_;
  std::mutex spill_mutex_;
  std::unique_ptr<SpillFile> spill_;
};

// One thread's counts on their way to the counter, which outlives it.
class PieceTally {
 public:
  explicit PieceTally(PieceCounter& counter);

  // The pieces of `text` from `begin` on that end at `ends`.
  void add(std::string_view text, std::size_t begin, std::span<const std::size_t> ends);
  // Hands over all counts. Not done by the destructor: it can throw.
  void flush();

 private:
  static constexpr std::size_t kSlots = 1 << 15, kMaxLongBytes = 1 << 18, kBatch = 64;

  PieceCounter& counter_;
  PieceTable table_{0, kSlots};
  std::array<PieceKey, kBatch> keys_;
};

}  // namespace stemma::bpe_training

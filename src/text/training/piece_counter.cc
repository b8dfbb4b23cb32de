#include "text/training/piece_counter.h"

#include <algorithm>
#include <cstring>

namespace stemma::bpe_training {
namespace {

// A run on disk: (count u64, size u32, bytes) of each piece.
struct SpilledHead {
  std::uint64_t count;
  std::uint32_t size;
};
constexpr std::size_t kSpilledHeadBytes = 12;

void append_spilled(std::string& run, std::string_view piece, std::uint64_t count) {
  const SpilledHead head{count, static_cast<std::uint32_t>(piece.size())};
  run.append(reinterpret_cast<const char*>(&head), kSpilledHeadBytes);
  run.append(piece);
}

template <class Use>
void for_each_spilled(std::string_view run, Use&& use) {
  while (!run.empty()) {
    SpilledHead head;
    std::memcpy(&head, run.data(), kSpilledHeadBytes);
    use(run.substr(kSpilledHeadBytes, head.size), head.count);
    run.remove_prefix(kSpilledHeadBytes + head.size);
  }
}

}  // namespace

PieceCounter::PieceCounter(Options options) : options_(std::move(options)) {
  constexpr std::uint64_t kLeastOfPart = 16 << 10;  // so that runs on disk are worth their reads
  part_bytes_ = std::max(options_.memory_bytes / parts_.size(), kLeastOfPart);
}

void PieceCounter::add(const PieceKey& key, std::uint64_t count) {
  Part& part = parts_[key.hash >> (64 - kPartBits)];
  const std::lock_guard lock(part.mutex);
  part.table.add(key, count);
  if (part.table.memory_bytes() > part_bytes_) spill(part);
}

void PieceCounter::spill(Part& part) {
  std::string run;
  part.table.for_each(
      [&](std::string_view piece, std::uint64_t count) { append_spilled(run, piece, count); });
  part.table = PieceTable(kPartBits);
  part.runs.push_back(spill_file().append(run));
}

SpillFile& PieceCounter::spill_file() {
  const std::lock_guard lock(spill_mutex_);
  if (!spill_) spill_ = std::make_unique<SpillFile>(options_.spill_folder);
  return *spill_;
}

void PieceCounter::load(Part& part) {
  for (const SpillFile::Run& run : part.runs) {
    const std::string bytes = spill_->read(run);
    for_each_spilled(bytes, [&](std::string_view piece, std::uint64_t count) {
      part.table.add(PieceKey::of(piece), count);
    });
    spill_->release(run);
  }
  part.runs.clear();
}

std::map<std::uint64_t, PieceClass> PieceCounter::classes() {
  std::map<std::uint64_t, PieceClass> classes;
  for (Part& part : parts_) {
    // What was on disk goes back there, added up.
    const bool spilled = !part.runs.empty();
    load(part);
    part.table.for_each([&](std::string_view piece, std::uint64_t count) {
      PieceClass& same = classes[count];
      ++same.pieces;
      same.bytes += piece.size();
    });
    if (spilled) spill(part);
  }
  return classes;
}

void PieceCounter::drain(std::uint64_t min_count, const Use& use) {
  for (Part& part : parts_) {
    load(part);
    part.table.for_each([&](std::string_view piece, std::uint64_t count) {
      if (count >= min_count) use(piece, count);
    });
    part.table = PieceTable(kPartBits);
  }
  spill_.reset();
}

PieceTally::PieceTally(PieceCounter& counter) : counter_(counter) {}

// The slots of a batch are prefetched before the first one is read, so that their cache misses
// overlap.
void PieceTally::add(std::string_view text, std::size_t begin, std::span<const std::size_t> ends) {
  while (!ends.empty()) {
    const std::size_t count = std::min(ends.size(), kBatch);
    for (std::size_t i = 0; i < count; ++i) {
      keys_[i] = PieceKey::of(text.substr(begin, ends[i] - begin), text.data() + text.size());
      table_.prefetch(keys_[i]);
      begin = ends[i];
    }
    for (std::size_t i = 0; i < count; ++i) table_.add(keys_[i], 1);
    ends = ends.subspan(count);
    if (2 * table_.size() > kSlots || table_.long_bytes() > kMaxLongBytes) flush();
  }
}

void PieceTally::flush() {
  table_.for_each([&](std::string_view piece, std::uint64_t count) {
    counter_.add(PieceKey::of(piece), count);
  });
  table_.clear();
}

}  // namespace stemma::bpe_training

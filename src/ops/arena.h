// Memory of steps that repeat, planned once so that later steps allocate nothing. The first step of
// a kind takes its buffers from the heap and logs the birth and death of each. From that log the
// offsets of all buffers in one slab are planned, and later steps of the same kind get the same
// offsets. A step that departs from its log falls back to the heap and is planned anew.
//
//   Arena arena;
//   { Arena::Step step(arena, key_of_shape); forward and backward with arena as the allocator }
//
// Buffers may outlive their step, but not the arena: those that the log says do so (the logits of
// an inference pass) come from the heap, each step anew, and the others from the slab.
//
// Plans are a least-recently-used cache: passes over prompts of ever new lengths do not pile them
// up. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "device/memory.h"

namespace stemma::ops {

class Arena final : public Allocator {
 public:
  // A step lasts as long as this object. `key`: any number that tells shapes apart.
  class Step {
   public:
    Step(Arena& arena, std::uint64_t key) : arena_(arena) { arena_.begin(key); }
    ~Step() { arena_.end(); }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    Arena& arena_;
  };

  // max_plans: kinds of steps remembered. A plan of a thousand buffers takes 32 kB.
  explicit Arena(std::size_t max_plans = 64);
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  Storage* allocate(std::size_t bytes) override;
  void release(Storage* storage) noexcept override;

  std::size_t slab_bytes() const { return slab_.get() ? slab_.get()->bytes : 0; }
  // Buffers that came from the heap since the arena was made: constant once steps repeat, but for
  // those that outlive their step.
  std::int64_t heap_allocations() const { return heap_allocations_; }
  std::size_t plans() const { return plans_.size(); }

 private:
  struct Buffer {
    std::size_t bytes = 0, offset = 0;
    std::int64_t birth = 0, death = 0;  // event numbers; death 0: lives on
  };
  struct Plan {
    std::vector<Buffer> buffers;
    std::size_t slab_bytes = 0;
    std::uint64_t used = 0;  // the last step
    bool ready = false;
  };
  enum class Mode { idle, recording, replaying };

  // A storage handed out: Storage first, so that the count and data are the handle's.
  struct Slot {
    Storage storage;
    StorageRef memory;       // the heap block; none inside the slab
    std::uint64_t step = 0;  // the step it was born in
  };

  void begin(std::uint64_t key);
  void end();
  Plan& plan_for(std::uint64_t key);
  static void assign_offsets(Plan& plan);
  bool in_plan(std::size_t bytes) const;
  Slot& free_slot();

  std::size_t max_plans_;
  std::unordered_map<std::uint64_t, Plan> plans_;
  Plan* plan_ = nullptr;
  Mode mode_ = Mode::idle;
  std::uint64_t step_ = 0;
  std::int64_t event_ = 0;
  std::size_t next_ = 0;  // buffer to be born next
  std::int64_t live_in_slab_ = 0;
  std::int64_t heap_allocations_ = 0;
  StorageRef slab_;
  std::deque<Slot> slots_;
  std::vector<std::size_t> free_slots_;
  std::vector<std::int64_t> buffer_of_slot_;
};

}  // namespace stemma::ops

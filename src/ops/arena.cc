#include "ops/arena.h"

#include <algorithm>
#include <numeric>

namespace stemma::ops {
namespace {

constexpr std::size_t kAlignment = 64;

std::size_t aligned(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

Arena::Arena(std::size_t max_plans) : max_plans_(std::max<std::size_t>(max_plans, 1)) {}

// The plan of this key, a new one in place of the one unused for longest.
Arena::Plan& Arena::plan_for(std::uint64_t key) {
  const auto found = plans_.find(key);
  if (found != plans_.end()) return found->second;
  if (plans_.size() >= max_plans_)
    plans_.erase(std::min_element(plans_.begin(), plans_.end(), [](const auto& a, const auto& b) {
      return a.second.used < b.second.used;
    }));
  return plans_[key];
}

void Arena::begin(std::uint64_t key) {
  ++step_;
  event_ = 0;
  next_ = 0;
  plan_ = &plan_for(key);
  plan_->used = step_;
  mode_ = Mode::recording;
  if (plan_->ready && live_in_slab_ == 0) {
    if (slab_bytes() < plan_->slab_bytes) {
      slab_ = {};
      slab_ = StorageRef(heap().allocate(plan_->slab_bytes));
    }
    mode_ = Mode::replaying;
    return;
  }
  plan_->ready = false;
  plan_->buffers.clear();
}

void Arena::end() {
  if (mode_ == Mode::recording) {
    assign_offsets(*plan_);
  } else if (mode_ == Mode::replaying && next_ != plan_->buffers.size()) {
    plan_->ready = false;  // a shorter step than the one logged: log again
  }
  mode_ = Mode::idle;
}

// Largest buffers first, each at the lowest offset where nothing that lives at the same time lies
// (Pisarchyk and Lee 2020, "Efficient Memory Management for Deep Neural Net Inference", greedy by
// size). Buffers that outlive the step have no place in it.
void Arena::assign_offsets(Plan& plan) {
  std::vector<std::size_t> order(plan.buffers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return plan.buffers[a].bytes > plan.buffers[b].bytes;
  });
  std::vector<std::size_t> placed;  // ascending offset
  plan.slab_bytes = 0;
  for (std::size_t index : order) {
    Buffer& buffer = plan.buffers[index];
    if (buffer.death == 0) continue;
    std::size_t offset = 0;
    for (std::size_t other_index : placed) {
      const Buffer& other = plan.buffers[other_index];
      if (other.death < buffer.birth || buffer.death < other.birth) continue;
      if (other.offset >= offset + aligned(buffer.bytes)) break;
      offset = std::max(offset, other.offset + aligned(other.bytes));
    }
    buffer.offset = offset;
    plan.slab_bytes = std::max(plan.slab_bytes, offset + aligned(buffer.bytes));
    const auto place = std::upper_bound(
        placed.begin(), placed.end(), offset,
        [&](std::size_t value, std::size_t i) { return value < plan.buffers[i].offset; });
    placed.insert(place, index);
  }
  plan.ready = true;
}

// The next birth of the log, with every earlier event behind us.
bool Arena::in_plan(std::size_t bytes) const {
  return next_ < plan_->buffers.size() && plan_->buffers[next_].bytes == bytes &&
         plan_->buffers[next_].birth == event_ + 1;
}

Arena::Slot& Arena::free_slot() {
  if (free_slots_.empty()) {
    slots_.emplace_back();
    slots_.back().storage.allocator = this;
    slots_.back().storage.slot = static_cast<std::int64_t>(slots_.size()) - 1;
    buffer_of_slot_.push_back(-1);
    return slots_.back();
  }
  Slot& slot = slots_[free_slots_.back()];
  free_slots_.pop_back();
  return slot;
}

Storage* Arena::allocate(std::size_t bytes) {
  if (mode_ == Mode::replaying && !in_plan(bytes)) {
    mode_ = Mode::idle;
    plan_->ready = false;
  }
  Slot& slot = free_slot();
  const auto index = static_cast<std::size_t>(slot.storage.slot);
  buffer_of_slot_[index] = -1;
  if (mode_ == Mode::replaying && plan_->buffers[next_].death != 0) {
    slot.storage.data = slab_.get()->data + plan_->buffers[next_].offset;
    ++live_in_slab_;
  } else {
    try {
      slot.memory = StorageRef(heap().allocate(bytes));
    } catch (...) {
      free_slots_.push_back(index);
      throw;
    }
    ++heap_allocations_;
    slot.storage.data = slot.memory.get()->data;
  }
  slot.storage.bytes = bytes;
  slot.step = step_;
  if (mode_ != Mode::idle) {
    ++event_;
    if (mode_ == Mode::recording) plan_->buffers.push_back({bytes, 0, event_, 0});
    buffer_of_slot_[index] = static_cast<std::int64_t>(next_++);
  }
  return &slot.storage;
}

void Arena::release(Storage* storage) noexcept {
  const auto index = static_cast<std::size_t>(storage->slot);
  Slot& slot = slots_[index];
  if (!slot.memory.get()) --live_in_slab_;
  slot.memory = {};
  free_slots_.push_back(index);
  const std::int64_t buffer = buffer_of_slot_[index];
  if (buffer < 0 || slot.step != step_ || mode_ == Mode::idle) return;
  ++event_;
  Buffer& logged = plan_->buffers[static_cast<std::size_t>(buffer)];
  if (mode_ == Mode::recording) {
    logged.death = event_;
  } else if (logged.death != event_) {
    // Another order of deaths: what the log says of the rest no longer holds.
    mode_ = Mode::idle;
    plan_->ready = false;
  }
}

}  // namespace stemma::ops

// Where work runs: a device, a fixed set of workers, and scratch memory for kernels. Everything
// that computes takes a Stream.
//
//   Stream stream(2);                                        // the calling thread and one more
//   kernels::activation_forward(stream, kind, x, y);
//
// A Stream belongs to one thread: the one that calls kernels on it. On the CPU a kernel has
// finished when its call returns; sync() exists for devices where it has not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/threads.h"

namespace stemma {

enum class Device : std::uint8_t { cpu };

class Stream {
 public:
  // threads: workers, the calling thread included.
  explicit Stream(int threads);

  Device device() const { return Device::cpu; }
  Workers& workers() { return workers_; }
  void sync() {}

  // At least `bytes` of memory aligned to 64 bytes, private to one worker, valid until the next
  // scratch() call of that worker. Grows to the largest request and stays.
  // Call it inside a kernel, at most once per worker and kernel.
  std::byte* scratch(int worker, std::size_t bytes);
  // The same, one block shared by all workers of a kernel: call it before workers().run().
  std::byte* shared_scratch(std::size_t bytes);
  // What all these blocks hold now, which is the most that they ever held.
  std::size_t scratch_bytes() const;

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  struct Block {
    std::unique_ptr<std::byte, Free> data;
    std::size_t bytes = 0;
  };
  static std::byte* grow(Block& block, std::size_t bytes);

  Workers workers_;
  std::vector<Block> blocks_;  // one per worker, the shared one last
};

}  // namespace stemma

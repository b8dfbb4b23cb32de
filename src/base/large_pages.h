// Memory for large tables that are read at random places. The processor keeps the addresses of few
// pages (in its TLB), so on 4 KiB pages almost every access to such a table misses them; on pages
// of 2 MiB it does not. Where the system gives no large pages, the memory is ordinary.
//
//   LargeVector<Slot> slots(1 << 16);
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

namespace stemma {

inline constexpr std::size_t kLargePage = std::size_t{2} << 20;

// On large pages, where the system has them, from half of one on; at least at a cache line's begin.
// Null where memory is out. To be given to std::free().
void* allocate_pages(std::size_t bytes) noexcept;

template <class T>
struct LargePages {
  using value_type = T;

  LargePages() = default;
  template <class U>
  LargePages(const LargePages<U>&) {}

  T* allocate(std::size_t count) {
    void* memory = count > static_cast<std::size_t>(-1) / sizeof(T) / 2
                       ? nullptr
                       : allocate_pages(count * sizeof(T));
    if (memory == nullptr) throw std::bad_alloc();
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t) noexcept { std::free(memory); }
  bool operator==(const LargePages&) const = default;
};

template <class T>
using LargeVector = std::vector<T, LargePages<T>>;

}  // namespace stemma

// Physical memory for a host program: a stretch of address space as large as the machine's,
// of which only pages that are touched exist.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <utility>
#include <vector>

#include "mm/direct_map.h"
#include "mm/types.h"
#include "mm/window.h"

namespace replay {

class PretendMemory {
 public:
  // How many physical addresses can be touched at most: 64 TiB, as many as a process has room for
  // beside its own; where pointers have 32 bits, a GiB, so that two or three machines fit beside
  // each other, but in WebAssembly, where a program has one.
#ifdef __wasm__
  static constexpr uint64_t kReach = 3 * mm::kGiB;
#else
  static constexpr uint64_t kReach = sizeof(void*) < 8 ? mm::kGiB : 64 * mm::kTiB;
#endif

  // Physical addresses [start, end) can be touched through map(), or the first kReach of them.
  explicit PretendMemory(mm::Phys end, mm::Phys start = {}) : start_(start), asked_(end - start) {
    if (end <= start) throw std::runtime_error("there is no RAM");
    size_ = static_cast<size_t>(std::min(asked_, kReach));
    base_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base_ == MAP_FAILED) throw std::runtime_error("no address space for pretend memory");
  }
  ~PretendMemory() {
    munmap(base_, size_);
    for (const auto& [start, bytes] : windows_) munmap(start, bytes);
  }
  PretendMemory(const PretendMemory&) = delete;
  PretendMemory& operator=(const PretendMemory&) = delete;

  // `sparing`: as little of it is written as can be (mm/direct_map.h).
  [[nodiscard]] mm::DirectMap map(bool sparing = false) const {
    return mm::DirectMap(reinterpret_cast<uintptr_t>(base_) - static_cast<uintptr_t>(start_.v),
                         sparing);
  }
  // What lies in it is memory of its own: whoever made it looks at it by this alone.
  [[nodiscard]] mm::Window window() {
    const auto reserve = [](void* self, uint64_t bytes) -> void* {
      if (bytes > SIZE_MAX) return nullptr;
      void* const start = mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (start == MAP_FAILED) return nullptr;
      static_cast<PretendMemory*>(self)->windows_.emplace_back(start, static_cast<size_t>(bytes));
      return start;
    };
    return {.reserve = reserve,
            .map = [](void*, void*, mm::Range, const mm::Window::Tables&) { return true; },
            .context = this};
  }
  // How much there is.
  [[nodiscard]] size_t size() const { return size_; }
  // From where on it cannot be touched, and is high memory.
  [[nodiscard]] mm::Phys end_of_low() const {
    return size_ < asked_ ? start_ + size_ : mm::Phys{mm::kMaxPhys};
  }

 private:
  mm::Phys start_;
  uint64_t asked_;
  size_t size_ = 0;
  void* base_ = MAP_FAILED;
  std::vector<std::pair<void*, size_t>> windows_;
};

}  // namespace replay

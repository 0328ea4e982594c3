// Physical memory for a host program: a stretch of address space as large as the machine's,
// of which only pages that are touched exist.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>

#include "mm/direct_map.h"
#include "mm/types.h"

namespace replay {

class PretendMemory {
 public:
  // Physical addresses [start, end) can be touched through map(); where pointers have 32 bits, the
  // first 3 GiB or one of them: the rest is high memory.
  explicit PretendMemory(mm::Phys end, mm::Phys start = {}) : start_(start) {
    if (end <= start) throw std::runtime_error("there is no RAM");
    constexpr bool kNarrow = sizeof(void*) < 8;
    take(kNarrow ? std::min(end - start, 3 * mm::kGiB) : end - start);
    if (kNarrow && base_ == MAP_FAILED) take(mm::kGiB);
    if (base_ == MAP_FAILED) throw std::runtime_error("no address space for pretend memory");
  }
  ~PretendMemory() { munmap(base_, size_); }
  PretendMemory(const PretendMemory&) = delete;
  PretendMemory& operator=(const PretendMemory&) = delete;

  [[nodiscard]] mm::DirectMap map() const {
    return mm::DirectMap(reinterpret_cast<uintptr_t>(base_) - static_cast<uintptr_t>(start_.v));
  }
  // How much there is.
  [[nodiscard]] size_t size() const { return size_; }

 private:
  void take(uint64_t size) {
    size_ = static_cast<size_t>(size);
    base_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  }

  mm::Phys start_;
  size_t size_ = 0;
  void* base_ = MAP_FAILED;
};

}  // namespace replay

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
  // Physical addresses [start, end) can be touched through map(), or the first 64 TiB of them, as
  // many as a process has room for beside its own; where pointers have 32 bits, the first GiB, so
  // that two or three machines fit beside each other.
  explicit PretendMemory(mm::Phys end, mm::Phys start = {}) : start_(start), asked_(end - start) {
    if (end <= start) throw std::runtime_error("there is no RAM");
    size_ = static_cast<size_t>(std::min(asked_, sizeof(void*) < 8 ? mm::kGiB : 64 * mm::kTiB));
    base_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
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
  // From where on it cannot be touched, and is high memory.
  [[nodiscard]] mm::Phys end_of_low() const {
    return size_ < asked_ ? start_ + size_ : mm::Phys{mm::kMaxPhys};
  }

 private:
  mm::Phys start_;
  uint64_t asked_;
  size_t size_ = 0;
  void* base_ = MAP_FAILED;
};

}  // namespace replay

// Physical memory for a host program: a stretch of address space as large as the machine's,
// of which only pages that are touched exist.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>

#include "mm/direct_map.h"
#include "mm/types.h"

namespace replay {

class PretendMemory {
 public:
  // Physical addresses [0, end) can be touched through map().
  explicit PretendMemory(mm::Phys end) : size_(static_cast<size_t>(end.v)) {
    if (size_ == 0) throw std::runtime_error("there is no RAM");
    base_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base_ == MAP_FAILED) throw std::runtime_error("no address space for pretend memory");
  }
  ~PretendMemory() { munmap(base_, size_); }
  PretendMemory(const PretendMemory&) = delete;
  PretendMemory& operator=(const PretendMemory&) = delete;

  [[nodiscard]] mm::DirectMap map() const {
    return mm::DirectMap(reinterpret_cast<uintptr_t>(base_));
  }

 private:
  size_t size_;
  void* base_;
};

}  // namespace replay

// Where physical memory can be touched: the kernel's direct map, the loader's identity map, or a
// host program's pretend memory. Physical address p is at base + p.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "mm/types.h"

namespace mm {

class DirectMap {
 public:
  constexpr DirectMap() = default;  // identity
  // `sparing`: memory there costs something from its first write on, as a host's does; what says
  // already what it should is not written then.
  constexpr explicit DirectMap(uintptr_t base, bool sparing = false)
      : base_(base), sparing_(sparing) {}

  template <class T = void>
  [[nodiscard]] T* at(Phys address) const {
    const auto there = static_cast<uintptr_t>(base_ + address.v);
    return reinterpret_cast<T*>(there);  // NOLINT: this is the one place it is done
  }
  // `count` elements in memory: no more than pointers can tell apart.
  template <class T>
  [[nodiscard]] std::span<T> span(Phys address, uint64_t count) const {
    return {at<T>(address), static_cast<size_t>(count)};
  }
  [[nodiscard]] Phys phys(const void* pointer) const {
    return {reinterpret_cast<uintptr_t>(pointer) - base_};
  }
  [[nodiscard]] bool sparing() const { return sparing_; }

 private:
  uintptr_t base_ = 0;
  bool sparing_ = false;
};

}  // namespace mm

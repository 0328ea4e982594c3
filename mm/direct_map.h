// Where physical memory can be touched: the kernel's direct map, the loader's identity map, or a
// host program's pretend memory. Physical address p is at base + p.
#pragma once

#include <cstdint>

#include "mm/types.h"

namespace mm {

class DirectMap {
 public:
  constexpr DirectMap() = default;  // identity
  constexpr explicit DirectMap(uintptr_t base) : base_(base) {}

  template <class T = void>
  [[nodiscard]] T* at(Phys address) const {
    return reinterpret_cast<T*>(base_ + address.v);  // NOLINT: this is the one place it is done
  }
  [[nodiscard]] Phys phys(const void* pointer) const {
    return {reinterpret_cast<uintptr_t>(pointer) - base_};
  }

 private:
  uintptr_t base_ = 0;
};

}  // namespace mm

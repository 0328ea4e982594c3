// What the kernel supplies to mm::PageAllocator: its lock, and how a CPU keeps to itself.
#pragma once

#include <cstdint>

namespace kernel {

struct Policy {
  class Lock {
   public:
    void lock() {
      while (__atomic_exchange_n(&taken_, 1, __ATOMIC_ACQUIRE) != 0) {
        while (__atomic_load_n(&taken_, __ATOMIC_RELAXED) != 0) {
        }
      }
    }
    void unlock() { __atomic_store_n(&taken_, 0, __ATOMIC_RELEASE); }

   private:
    uint32_t taken_ = 0;
  };

  // Interrupts are off from the entry point on, and nothing here switches them on: there is nothing
  // to mask.
  struct Masked {
    Masked() {}   // NOLINT: not defaulted, so that a variable of it does not count as unused
    ~Masked() {}  // NOLINT
  };
};

}  // namespace kernel

// What the kernel supplies to mm::PageAllocator: its lock, and how a CPU keeps to itself.
#pragma once

#include <cstdint>

#include "kernel/arch.h"

namespace kernel {

// A CPU that waits for a lock only looks, so that the holder's cache line is left alone until it is
// free. Not to be taken with interrupts on by who may be interrupted by another taker.
class SpinLock {
 public:
  void lock() {
    while (__atomic_exchange_n(&taken_, 1, __ATOMIC_ACQUIRE) != 0) {
      while (__atomic_load_n(&taken_, __ATOMIC_RELAXED) != 0) arch::relax();
    }
  }
  void unlock() { __atomic_store_n(&taken_, 0, __ATOMIC_RELEASE); }

 private:
  uint32_t taken_ = 0;
};

// A lock, held.
class Held {
 public:
  explicit Held(SpinLock& lock) : lock_(lock) { lock_.lock(); }
  ~Held() { lock_.unlock(); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  SpinLock& lock_;
};

struct Policy {
  using Lock = SpinLock;

  // No interrupts on this CPU while it lives.
  class Masked {
   public:
    Masked() : on_(arch::mask_interrupts()) {}
    ~Masked() { arch::restore_interrupts(on_); }
    Masked(const Masked&) = delete;
    Masked& operator=(const Masked&) = delete;

   private:
    bool on_;
  };
};

}  // namespace kernel

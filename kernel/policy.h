// What the kernel supplies to mm::PageAllocator, and its own locks.
//
// A CPU takes locks in ascending rank and none twice; a build with LOCKS=checked, and the host's
// tests, stop where one does otherwise.
#pragma once

#include <cstdint>

#include "kernel/arch.h"
#include "kernel/highmem.h"
#include "mm/policy.h"

namespace kernel {

enum class LockRank : uint8_t {
  Findings,  // what a test or the hardware found; lines are printed under it
  Zone,      // a zone of the page allocator
  Console,   // a line that is being printed
};

// Cpu::locks counts the locks that a CPU has in a byte for each rank: who only tries may come to
// have two of one. This is one lock.
constexpr uint32_t one_lock(LockRank rank) {
  return uint32_t{1} << (8 * static_cast<unsigned>(rank));
}
// Whether a CPU that has these locks may take another.
constexpr bool in_lock_order(uint32_t held, LockRank rank) { return held < one_lock(rank); }

#ifdef BATON_CHECK_LOCKS
// This CPU is about to take a lock of the rank, which it must not have, nor any above: if it has,
// the machine stops and says which. It has got one without waiting. It has let go
// of one. It has none of the rank any more, whoever had them.
void note_taking(LockRank rank);
void note_taken(LockRank rank);
void note_released(LockRank rank);
void note_lost(LockRank rank);
#else
inline void note_taking(LockRank /*rank*/) {}
inline void note_taken(LockRank /*rank*/) {}
inline void note_released(LockRank /*rank*/) {}
inline void note_lost(LockRank /*rank*/) {}
#endif

// A CPU that waits for a lock only looks, so that the holder's cache line is left alone until it is
// free. Not to be taken with calls on by who may be called by another taker.
template <LockRank rank>
class SpinLock {
 public:
  void lock() {
    note_taking(rank);
    while (exchange() != 0) {
      while (__atomic_load_n(&taken_, __ATOMIC_RELAXED) != 0) arch::relax();
    }
  }
  // Also out of order, as it does not wait.
  bool try_lock() {
    if (exchange() != 0) return false;
    note_taken(rank);
    return true;
  }
  void unlock() {
    note_released(rank);
    __atomic_store_n(&taken_, 0, __ATOMIC_RELEASE);
  }

 private:
  uint32_t exchange() { return __atomic_exchange_n(&taken_, 1, __ATOMIC_ACQUIRE); }

  uint32_t taken_ = 0;
};

// A lock, held.
template <class Lock>
class Held {
 public:
  explicit Held(Lock& lock) : lock_(lock) { lock_.lock(); }
  ~Held() { lock_.unlock(); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  Lock& lock_;
};

struct Policy : mm::ManyCpus {
  using Lock = SpinLock<LockRank::Zone>;

  // What may interrupt this CPU and want memory is a call of another CPU: while this lives it takes
  // none. Interrupts themselves stay on, which costs less.
  class Masked {
   public:
    Masked() { arch::hold_calls(); }
    ~Masked() { arch::let_calls(); }
    Masked(const Masked&) = delete;
    Masked& operator=(const Masked&) = delete;
  };

  template <class T>
  static void add(T& own, T n) {
    arch::add_own(own, n);
  }
  static bool spend(int32_t& own, int32_t n) { return arch::spend_own(own, n); }
  static uint64_t* page_at(const mm::DirectMap& map, mm::Phys page) {
    return arch::reach<uint64_t>(map, page);
  }
};

}  // namespace kernel

#include "kernel/panic.h"
#include "kernel/policy.h"
#include "kernel/smp/cpus.h"

#ifdef BATON_CHECK_LOCKS
namespace kernel {
namespace {

const char* name(LockRank rank) {
  switch (rank) {
    case LockRank::Findings:
      return "the lock of findings";
    case LockRank::Zone:
      return "a zone's lock";
    case LockRank::Console:
      return "the console's lock";
  }
  return "";
}

constinit bool told = false;  // what is printed of it takes locks, too

}  // namespace

void note_taking(LockRank rank) {
  uint32_t& held = cpus().own().locks;
  if (!in_lock_order(held, rank) && !__atomic_exchange_n(&told, true, __ATOMIC_RELAXED)) {
    const auto highest = static_cast<LockRank>((31 - __builtin_clz(held)) / 8);
    panic("locks out of order: CPU {} takes {} and has {}", arch::this_cpu(), name(rank),
          name(highest));
  }
  held += one_lock(rank);
}

void note_taken(LockRank rank) { cpus().own().locks += one_lock(rank); }
void note_released(LockRank rank) { cpus().own().locks -= one_lock(rank); }
void note_lost(LockRank rank) { cpus().own().locks &= ~(0xff * one_lock(rank)); }

}  // namespace kernel
#endif

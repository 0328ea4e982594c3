// Atomic words of 64 bits, which the compiler asks for by the names of GCC's libatomic, as it may not
// use the registers in which older CPUs can load as much at once. What is loaded must be writable.
#include <cstdint>

namespace {

using Word = volatile uint64_t;

// What stood there: `desired` stands there now if that was `expected`.
uint64_t exchange_if(Word* at, uint64_t expected, uint64_t desired) {
  asm volatile("lock cmpxchg8b %1"
               : "+A"(expected), "+m"(*at)
               : "b"(static_cast<uint32_t>(desired)), "c"(static_cast<uint32_t>(desired >> 32))
               : "memory", "cc");
  return expected;
}

// What stood there, of which change() made what stands there now.
template <class Change>
uint64_t replace(Word* at, Change change) {
  for (uint64_t before = *at;;) {
    const uint64_t found = exchange_if(at, before, change(before));
    if (found == before) return found;
    before = found;
  }
}

}  // namespace

// By other names here, since the compiler knows those. All are as strict as can be.
extern "C" {
uint64_t atomic_load(Word* at, int order) asm("__atomic_load_8");
void atomic_store(Word* at, uint64_t value, int order) asm("__atomic_store_8");
uint64_t atomic_exchange(Word* at, uint64_t value, int order) asm("__atomic_exchange_8");
uint64_t atomic_fetch_add(Word* at, uint64_t value, int order) asm("__atomic_fetch_add_8");
uint64_t atomic_fetch_sub(Word* at, uint64_t value, int order) asm("__atomic_fetch_sub_8");
uint64_t atomic_fetch_and(Word* at, uint64_t value, int order) asm("__atomic_fetch_and_8");
uint64_t atomic_fetch_or(Word* at, uint64_t value, int order) asm("__atomic_fetch_or_8");
bool atomic_compare_exchange(Word* at, uint64_t* expected, uint64_t desired, int success,
                             int failure) asm("__atomic_compare_exchange_8");
}

uint64_t atomic_load(Word* at, int /*order*/) { return exchange_if(at, 0, 0); }

void atomic_store(Word* at, uint64_t value, int /*order*/) {
  (void)replace(at, [value](uint64_t) { return value; });
}

uint64_t atomic_exchange(Word* at, uint64_t value, int /*order*/) {
  return replace(at, [value](uint64_t) { return value; });
}

uint64_t atomic_fetch_add(Word* at, uint64_t value, int /*order*/) {
  return replace(at, [value](uint64_t before) { return before + value; });
}

uint64_t atomic_fetch_sub(Word* at, uint64_t value, int /*order*/) {
  return replace(at, [value](uint64_t before) { return before - value; });
}

uint64_t atomic_fetch_and(Word* at, uint64_t value, int /*order*/) {
  return replace(at, [value](uint64_t before) { return before & value; });
}

uint64_t atomic_fetch_or(Word* at, uint64_t value, int /*order*/) {
  return replace(at, [value](uint64_t before) { return before | value; });
}

bool atomic_compare_exchange(Word* at, uint64_t* expected, uint64_t desired, int /*success*/,
                             int /*failure*/) {
  const uint64_t before = *expected;
  *expected = exchange_if(at, before, desired);
  return *expected == before;
}

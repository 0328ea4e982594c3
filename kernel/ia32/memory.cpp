// Memory as the memory test wants it: moved at full speed, and out of the caches.
#include "kernel/arch.h"
#include "kernel/x86/cpu.h"

namespace kernel::arch {

void copy_words(uint64_t to, uint64_t from, uint64_t words) {
  auto target = static_cast<uintptr_t>(to);
  auto source = static_cast<uintptr_t>(from);
  auto halves = static_cast<uintptr_t>(2 * words);
  asm volatile("rep movsl" : "+D"(target), "+S"(source), "+c"(halves) : : "memory");
}

void write_back_caches(uint64_t virt, uint64_t bytes) {
  const x86::CpuidLeaf features = x86::cpuid(1);
  if ((features.edx >> 19 & 1) == 0) {  // no CLFLUSH
    asm volatile("wbinvd" : : : "memory");
    return;
  }
  const uint64_t line = uint64_t{features.ebx >> 8 & 0xff} * 8;
  for (uint64_t at = virt & ~(line - 1); at < virt + bytes; at += line) {
    asm volatile("clflush (%0)" : : "r"(static_cast<uintptr_t>(at)) : "memory");
  }
  // What has CLFLUSH has MFENCE, or else serialises by CPUID.
  (void)x86::cpuid(0);
}

}  // namespace kernel::arch

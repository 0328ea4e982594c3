// Memory as the memory test wants it: moved at full speed, and out of the caches.
#include "kernel/arch.h"
#include "kernel/x86/cpu.h"

namespace kernel::arch {

void copy_words(uint64_t to, uint64_t from, uint64_t words) {
  asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}

void write_back_caches(uint64_t virt, uint64_t bytes) {
  const x86::CpuidLeaf features = x86::cpuid(1);
  if ((features.edx >> 19 & 1) == 0) {  // no CLFLUSH
    asm volatile("wbinvd" : : : "memory");
    return;
  }
  const uint64_t line = uint64_t{features.ebx >> 8 & 0xff} * 8;
  for (uint64_t at = virt & ~(line - 1); at < virt + bytes; at += line) {
    asm volatile("clflush (%0)" : : "r"(at) : "memory");
  }
  asm volatile("mfence" : : : "memory");
}

}  // namespace kernel::arch

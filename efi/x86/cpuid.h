// What a PC's CPU says of itself (Intel SDM vol. 2A, CPUID).
#pragma once

#include <cstdint>

namespace efi {

struct CpuidLeaf {
  uint32_t a, b, c, d;
};

inline CpuidLeaf cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  CpuidLeaf r;
  asm volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(subleaf));
  return r;
}

}  // namespace efi

// The CPU's random numbers (Intel SDM vol. 1, sections 7.3.17.1 and .2).
#include "efi/random.h"

#include "efi/arch.h"
#include "efi/x86/cpuid.h"

namespace efi {
namespace {

bool rdrand(uintptr_t& word) {
  bool good = false;
  asm volatile("rdrand %0" : "=r"(word), "=@ccc"(good));
  if (!good) asm volatile("pause");
  return good;
}

bool rdseed(uintptr_t& word) {
  bool good = false;
  asm volatile("rdseed %0" : "=r"(word), "=@ccc"(good));
  if (!good) asm volatile("pause");
  return good;
}

}  // namespace

void ask_cpu(loader::RandomPool& pool) {
  const uint32_t most = cpuid(0).a;
  const bool has_rdseed = most >= 7 && (cpuid(7).b >> 18 & 1) != 0;
  const bool has_rdrand = most >= 1 && (cpuid(1).c >> 30 & 1) != 0;
  if (has_rdseed) add_words(&rdseed, loader::kRandomSeed, pool);
  if (has_rdrand) add_words(&rdrand, loader::kRandomNumber, pool);
}

}  // namespace efi

// The CPU's random numbers: FEAT_RNG (Arm ARM, section D19.2, RNDR).
#include "efi/random.h"

#include "efi/aarch64/registers.h"
#include "efi/arch.h"

namespace efi {
namespace {

bool rndr(uint64_t& word) {
  uint64_t failed = 0;  // Z is set then
  asm volatile("mrs %0, s3_3_c2_c4_0\n\tcset %1, eq" : "=r"(word), "=r"(failed) : : "cc");
  if (failed != 0) asm volatile("yield");
  return failed == 0;
}

}  // namespace

void ask_cpu(loader::RandomPool& pool) {
  if (EFI_READ(id_aa64isar0_el1) >> 60 == 0) return;
  add_words(&rndr, loader::kRandomRndr, pool);
}

}  // namespace efi

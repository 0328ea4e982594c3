// The CPU's random numbers: FEAT_RNG (Arm ARM, section D19.2, RNDR).
#include <algorithm>
#include <array>

#include "efi/aarch64/registers.h"
#include "efi/arch.h"
#include "loader/kaslr.h"

namespace efi {
namespace {

bool rndr(uint64_t& word) {
  uint64_t failed = 0;  // Z is set then
  asm volatile("mrs %0, s3_3_c2_c4_0\n\tcset %1, eq" : "=r"(word), "=r"(failed) : : "cc");
  return failed == 0;
}

}  // namespace

void ask_cpu(loader::RandomPool& pool) {
  constexpr unsigned kTries = 10;
  if (EFI_READ(id_aa64isar0_el1) >> 60 == 0) return;
  std::array<uint64_t, 4> words{};
  for (uint64_t& word : words) {
    unsigned tries = 0;
    while (!rndr(word) && ++tries < kTries) asm volatile("yield");
    if (tries == kTries) return;
  }
  // What gives the same again and again is no source.
  const bool stuck =
      std::all_of(words.begin(), words.end(), [&](uint64_t word) { return word == words.front(); });
  if (stuck) return;
  pool.add(loader::kRandomRndr, {reinterpret_cast<const uint8_t*>(words.data()), sizeof(words)});
}

}  // namespace efi

// What the machine has that is hard to guess (UEFI 2.10 section 37.5, EFI_RNG_PROTOCOL). Only before exit.
#pragma once

#include <algorithm>
#include <array>

#include "efi/firmware.h"
#include "loader/kaslr.h"

namespace efi {

// EFI_RNG_PROTOCOL; GNU-EFI's versions differ about it.
struct RandomProtocol {
  void* get_info;
  EFI_STATUS(EFIAPI* get_rng)(RandomProtocol* self, EFI_GUID* algorithm, UINTN size, UINT8* out);
};
inline constexpr EFI_GUID kRandom = {
    0x3152bca5, 0xeade, 0x433d, {0x86, 0x2e, 0xc0, 0x1c, 0xdc, 0x29, 0x1f, 0x44}};

// From the firmware's generator, the CPU's, and the time at which each answers.
[[nodiscard]] loader::RandomPool gather_randomness(const Firmware& firmware, uint64_t tsc_entry);

// Adds words of a CPU's generator, which says whether it gave one. Some say that all is well and give the
// same again and again: those are no source. One that is exhausted is asked ten times a word, as Intel's
// manual advises.
template <class Word>
void add_words(bool (*generator)(Word&), uint32_t source, loader::RandomPool& pool) {
  constexpr unsigned kTries = 10;
  std::array<Word, 4> words{};
  for (Word& word : words) {
    unsigned tries = 0;
    while (!generator(word) && ++tries < kTries) {
    }
    if (tries == kTries) return;
  }
  const bool stuck =
      std::all_of(words.begin(), words.end(), [&](Word word) { return word == words.front(); });
  if (stuck) return;
  pool.add(source, {reinterpret_cast<const uint8_t*>(words.data()), sizeof(words)});
}

}  // namespace efi

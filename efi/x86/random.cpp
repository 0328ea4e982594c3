// The CPU's random numbers (Intel SDM vol. 1, sections 7.3.17.1 and .2).
#include <algorithm>
#include <array>

#include "efi/arch.h"
#include "loader/kaslr.h"

namespace efi {
namespace {

using Words = std::array<uintptr_t, 4>;

struct Features {
  bool rdrand, rdseed;
};

Features features() {
  const auto cpuid = [](uint32_t leaf, uint32_t& b, uint32_t& c) {
    uint32_t a = leaf, d = 0;
    c = 0;
    asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return a;
  };
  uint32_t b = 0, c = 0;
  const uint32_t most = cpuid(0, b, c);
  Features found{};
  if (most >= 1) {
    cpuid(1, b, c);
    found.rdrand = (c >> 30 & 1) != 0;
  }
  if (most >= 7) {
    cpuid(7, b, c);
    found.rdseed = (b >> 18 & 1) != 0;
  }
  return found;
}

bool rdrand(uintptr_t& word) {
  bool good = false;
  asm volatile("rdrand %0" : "=r"(word), "=@ccc"(good));
  return good;
}

bool rdseed(uintptr_t& word) {
  bool good = false;
  asm volatile("rdseed %0" : "=r"(word), "=@ccc"(good));
  return good;
}

// Some say that all is well and give the same again and again: those are no source. One that is
// exhausted is asked ten times a word, as Intel's manual advises.
void ask(bool (*generator)(uintptr_t&), uint32_t source, loader::RandomPool& pool) {
  constexpr unsigned kTries = 10;
  Words words{};
  for (uintptr_t& word : words) {
    unsigned tries = 0;
    while (!generator(word) && ++tries < kTries) asm volatile("pause");
    if (tries == kTries) return;
  }
  const bool stuck = std::all_of(words.begin(), words.end(),
                                 [&](uintptr_t word) { return word == words.front(); });
  if (stuck) return;
  pool.add(source, {reinterpret_cast<const uint8_t*>(words.data()), sizeof(words)});
}

}  // namespace

void ask_cpu(loader::RandomPool& pool) {
  const Features has = features();
  if (has.rdseed) ask(&rdseed, loader::kRandomSeed, pool);
  if (has.rdrand) ask(&rdrand, loader::kRandomNumber, pool);
}

}  // namespace efi

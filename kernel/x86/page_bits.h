// An entry of x86's page tables, in whatever number of levels (Intel SDM vol. 3A, chapter 4): what
// kernel/page_walk_impl.h asks of all of them alike. One of 4 bytes has the same bits, but for the
// last.
#pragma once

#include <cstdint>

#include "kernel/arch.h"
#include "kernel/x86/cpu.h"

namespace kernel::x86 {

struct PageBits {
  using Word = uint64_t;
  static constexpr unsigned kIndexBits = 9;
  static constexpr bool kSigned = true;
  static constexpr uint64_t kPresent = 1, kWrite = 2, kLarge = 1 << 7,
                            kNoExecute = uint64_t{1} << 63;
  static constexpr uint64_t kWriteThrough = 1 << 3, kCacheDisable = 1 << 4, kPatSmall = 1 << 7,
                            kPatLarge = 1 << 12;
  static constexpr uint64_t kAddressMask = 0x000f'ffff'ffff'f000;

  static bool is_present(uint64_t entry) { return (entry & kPresent) != 0; }
  static bool is_leaf(uint64_t entry, unsigned level) {
    return level == 1 || (entry & kLarge) != 0;
  }
  static uint64_t address(uint64_t entry) { return entry & kAddressMask; }
  static bool executable(uint64_t entry) { return (entry & kNoExecute) == 0; }
  // The entry's three bits choose a byte of the PAT (Intel SDM vol. 3A, section 12.12; its table
  // 12-10 for the numbers). A CPU that has none does as its first four say after a reset.
  static arch::Caching caching(uint64_t entry, unsigned level) {
    using enum arch::Caching;
    const uint64_t pat_bit = level == 1 ? kPatSmall : kPatLarge;
    const unsigned index = ((entry & pat_bit) != 0 ? 4u : 0u) |
                           ((entry & kCacheDisable) != 0 ? 2u : 0u) |
                           ((entry & kWriteThrough) != 0 ? 1u : 0u);
    constexpr uint64_t kAtReset = 0x0007'0406'0007'0406;
    switch ((has_pat() ? rdmsr(kMsrPat) : kAtReset) >> (8 * index) & 7) {
      case 1:
        return WriteCombining;
      case 4:
        return WriteThrough;
      case 5:
        return WriteProtected;
      case 6:
        return WriteBack;
      default:
        return Uncached;
    }
  }

  static uint64_t data(uint64_t page, unsigned level) {
    return page | kPresent | kWrite | (level == 1 ? 0 : kLarge) |
           (arch::has_no_execute() ? kNoExecute : 0);
  }
  static uint64_t registers(uint64_t page) { return data(page, 1) | kCacheDisable | kWriteThrough; }
  static uint64_t as_data(uint64_t leaf) {
    return leaf | kWrite | (arch::has_no_execute() ? kNoExecute : 0);
  }
  static uint64_t part(uint64_t leaf, unsigned level, uint64_t page) {
    const bool pat = (leaf & kPatLarge) != 0;
    const uint64_t rights = leaf & ~kAddressMask;
    if (level == 1) return page | (rights & ~kLarge) | (pat ? kPatSmall : 0);
    return page | rights | (pat ? kPatLarge : 0);
  }
  template <class AnyWord>
  static void replace(AnyWord& entry, AnyWord with, uint64_t /*virt*/) {
    entry = with;
  }
  template <class AnyWord>
  static AnyWord set_present(AnyWord entry, bool present) {
    return static_cast<AnyWord>(present ? entry | kPresent : entry & ~kPresent);
  }
  static void mapped() {}
  static void forget(uint64_t virt) {
    asm volatile("invlpg (%0)" : : "r"(static_cast<uintptr_t>(virt)) : "memory");
  }
  static void forget_all() { write_cr3(read_cr3()); }
};

}  // namespace kernel::x86

// Memory type range registers: what the CPU makes of each physical address, whatever page tables
// say (Intel SDM vol. 3A, section 12.11).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <span>

#include "mm/print.h"
#include "mm/types.h"

namespace mm {

enum class MemoryType : uint8_t {
  Uncacheable = 0,
  WriteCombining = 1,
  WriteThrough = 4,
  WriteProtected = 5,
  WriteBack = 6,
};
[[nodiscard]] const char* memory_type_name(MemoryType type);

// The registers of one CPU, as they stand.
struct Mtrrs {
  static constexpr size_t kMaxVariable = 32;
  struct Variable {
    uint64_t base = 0, mask = 0;  // IA32_MTRR_PHYSBASEn, PHYSMASKn
    friend bool operator==(const Variable&, const Variable&) = default;
  };

  bool supported = false;
  uint64_t default_type = 0;  // IA32_MTRR_DEF_TYPE
  bool has_fixed = false;     // IA32_MTRRCAP.FIX
  // AMD: RAM in [4 GiB, this) is write-back, whatever the ranges say (AMD APM vol. 2, 7.9.4,
  // SYSCFG's Tom2ForceMemTypeWB, TOP_MEM2); 0: not so.
  uint64_t top_of_memory = 0;
  size_t variable_count = 0;
  std::array<Variable, kMaxVariable> variable{};
  std::array<uint64_t, 11> fixed{};  // FIX64K_00000, FIX16K_80000, _A0000, FIX4K_C0000 .. _F8000

  friend bool operator==(const Mtrrs&, const Mtrrs&) = default;
};

// A stretch from an address on that has one type.
struct TypedStretch {
  MemoryType type = MemoryType::Uncacheable;
  Phys end;
};
// The type at an address, and how far it reaches at least. Overlapping variable ranges: uncacheable
// wins, then write-through over write-back (section 12.11.4.1).
[[nodiscard]] TypedStretch memory_type_at(const Mtrrs& mtrrs, Phys address);

// Frames that no write-back range has, in ascending order; the last run goes on to the end of the
// address space. By Linux 6.1's rule (arch/x86/kernel/cpu/mtrr/cleanup.c,
// mtrr_trim_uncached_memory): nothing where the default type is another than uncacheable, where no
// range is write-back, which it takes for a virtual machine and says, or where ranges have other
// types than write-back and uncacheable. Returns how many runs of `room` are used.
inline constexpr size_t kMostUncovered = 2 * Mtrrs::kMaxVariable + 2;
size_t uncovered_frames(const Mtrrs& mtrrs, std::span<PfnRange, kMostUncovered> room,
                        const Printer& out);

}  // namespace mm

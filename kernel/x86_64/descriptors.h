// GDT, TSS and IDT of the boot CPU (Intel SDM vol. 3A, chapters 3, 6 and 8).
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace kernel::x86 {

inline constexpr uint16_t kCodeSelector = 0x08;
inline constexpr uint16_t kDataSelector = 0x10;
inline constexpr uint16_t kTssSelector = 0x18;

// Loads all three. From here on exceptions arrive in handle_exception(); NMI, double fault, machine
// check and page fault on stacks of their own.
void load_descriptors();

struct Stack {
  const char* name;
  uint64_t start, end;  // the page below `start` is not mapped
};
[[nodiscard]] std::span<const Stack> stacks();

}  // namespace kernel::x86

// How a local APIC is told things (Intel SDM vol. 3A, chapter 11), as numbers: no register is
// touched here.
#pragma once

#include <cstdint>

namespace kernel::x86 {

// A register's offset in the page of an xAPIC; as an x2APIC it is MSR 0x800 + offset / 16.
enum class ApicRegister : uint16_t {
  Id = 0x20,
  TaskPriority = 0x80,
  EndOfInterrupt = 0xb0,
  Spurious = 0xf0,
  ErrorStatus = 0x280,
  Command = 0x300,
  CommandHigh = 0x310,  // xAPIC: the destination
  Timer = 0x320,        // here the local vector table begins
  Thermal = 0x330,
  Performance = 0x340,
  Lint0 = 0x350,
  Lint1 = 0x360,
  Error = 0x370,
  TimerInitial = 0x380,
  TimerCurrent = 0x390,
  TimerDivide = 0x3e0,
};

[[nodiscard]] constexpr uint32_t x2apic_msr(ApicRegister reg) {
  return 0x800 + static_cast<uint32_t>(reg) / 16;
}

enum class Delivery : uint8_t { Fixed = 0, Nmi = 4, Init = 5, StartUp = 6 };

// The low half of the interrupt command: edge-triggered, to one physical destination.
[[nodiscard]] constexpr uint32_t command(Delivery delivery, uint8_t vector) {
  constexpr uint32_t kAssert = 1u << 14;
  return kAssert | uint32_t{static_cast<uint8_t>(delivery)} << 8 | vector;
}
// To the CPU itself, wherever the other half says.
[[nodiscard]] constexpr uint32_t command_to_self(uint8_t vector) {
  constexpr uint32_t kSelf = 1u << 18;
  return kSelf | command(Delivery::Fixed, vector);
}
inline constexpr uint32_t kCommandPending = 1u << 12;  // xAPIC: the last one is not delivered yet

// The ids an xAPIC can address; 255 is all of them.
inline constexpr uint32_t kMostXapicId = 254;
[[nodiscard]] constexpr uint32_t xapic_destination(uint32_t id) { return id << 24; }
[[nodiscard]] constexpr uint64_t x2apic_command(uint32_t id, Delivery delivery, uint8_t vector) {
  return uint64_t{id} << 32 | command(delivery, vector);
}

// The page below 1 MiB in which a CPU starts in real mode.
[[nodiscard]] constexpr uint8_t start_up_vector(uint64_t page) {
  return static_cast<uint8_t>(page >> 12);
}

inline constexpr uint32_t kLvtMasked = 1u << 16;
inline constexpr uint32_t kSpuriousEnable = 1u << 8;
inline constexpr uint32_t kTimerDivideBy16 = 3;

}  // namespace kernel::x86

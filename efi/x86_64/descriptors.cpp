#include "efi/x86_64/descriptors.h"

#include <array>
#include <cstdint>

#include "efi/last_words.h"

extern "C" {
// exception_entries.S
void load_gdt();
[[gnu::visibility(
    "hidden")]] extern const char exception_entries[];  // NOLINT(readability-identifier-naming)
// Called by it.
[[noreturn]] void report_exception(uint64_t vector, uint64_t error_code, uint64_t instruction,
                                   uint64_t address);
}

namespace efi {
namespace {

constexpr size_t kVectors = 32, kEntrySize = 16;
constexpr uint16_t kCodeSelector = 8;
constexpr uint8_t kInterruptGate = 0x8e;
constexpr uint64_t kPageFault = 14;

struct Gate {
  uint16_t offset_low;
  uint16_t selector;
  uint8_t stack;
  uint8_t type;
  uint16_t offset_middle;
  uint32_t offset_high;
  uint32_t zero;
};
static_assert(sizeof(Gate) == 16);

struct __attribute__((packed)) TablePointer {
  uint16_t limit;
  uint64_t base;
};

// What the CPU and a handler without arguments must find. There is one CPU.
struct Live {
  std::array<Gate, kVectors> gates{};
  const Firmware* firmware = nullptr;
  const loader::HandoffFramebuffer* framebuffer = nullptr;
  bool reporting = false;
};
constinit Live live;

constexpr const char* kNames[kVectors] = {
    "divide error",
    "debug exception",
    "NMI",
    "breakpoint",
    "overflow",
    "bound range exceeded",
    "invalid opcode",
    "device not available",
    "double fault",
    nullptr,
    "invalid TSS",
    "segment not present",
    "stack-segment fault",
    "general protection fault",
    "page fault",
    nullptr,
    "x87 floating-point error",
    "alignment check",
    "machine check",
    "SIMD floating-point exception",
    "virtualization exception",
    "control protection exception",
};

}  // namespace

void take_over_descriptors(const Firmware& firmware,
                           const loader::HandoffFramebuffer& framebuffer) {
  live.firmware = &firmware;
  live.framebuffer = &framebuffer;
  for (size_t i = 0; i < kVectors; ++i) {
    const auto entry = reinterpret_cast<uintptr_t>(exception_entries) + i * kEntrySize;
    live.gates[i] = {.offset_low = static_cast<uint16_t>(entry),
                     .selector = kCodeSelector,
                     .stack = 0,
                     .type = kInterruptGate,
                     .offset_middle = static_cast<uint16_t>(entry >> 16),
                     .offset_high = static_cast<uint32_t>(entry >> 32),
                     .zero = 0};
  }
  load_gdt();
  const TablePointer pointer{sizeof(live.gates) - 1,
                             reinterpret_cast<uintptr_t>(live.gates.data())};
  asm volatile("lidt %0" : : "m"(pointer));
}

}  // namespace efi

void report_exception(uint64_t vector, uint64_t error_code, uint64_t instruction,
                      uint64_t address) {
  using efi::kNames, efi::kVectors, efi::kPageFault, efi::live;
  using efi::last_words;
  // A second one comes from the first one's report, or from the firmware it asked for a reset.
  if (live.reporting) efi::reset_by_port();
  live.reporting = true;
  const char* const name = vector < kVectors ? kNames[vector] : nullptr;
  const char* const subject = name == nullptr ? "CPU exception" : name;
  if (vector == kPageFault) {
    last_words(*live.firmware, *live.framebuffer,
               {"CPU exception before the kernel took over (instruction, address)", subject,
                instruction, address});
  }
  last_words(*live.firmware, *live.framebuffer,
             {"CPU exception before the kernel took over (instruction, error)", subject,
              instruction, error_code});
}

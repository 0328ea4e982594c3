#include "efi/arch.h"

#include <array>
#include <cstdint>

#include "efi/first_serial.h"
#include "efi/last_words.h"

extern "C" {
// exception_entries.S
void load_gdt(const void* limit_and_base);
[[gnu::visibility(
    "hidden")]] extern const char exception_entries[];  // NOLINT(readability-identifier-naming)
// Called by it.
[[noreturn]] void report_exception(uint64_t vector, uint64_t error_code, uint64_t instruction,
                                   uint64_t address);
}

namespace efi {
namespace {

constexpr size_t kVectors = 32, kEntrySize = 16;
constexpr uint16_t kCodeSelector = 8, kTssSelector = 24;
constexpr uint8_t kInterruptGate = 0x8e;
// Accessed already: the CPU need not write there.
constexpr uint64_t kCode = 0x00af9b000000ffff, kData = 0x00cf93000000ffff, kTss = 0x89;
constexpr uint8_t kOurStack = 1;  // of the TSS's
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

// Words that are not aligned, as those of a std::array would have to be.
struct __attribute__((packed)) Tss {
  uint32_t reserved = 0;
  uint64_t rings[4]{};
  uint64_t stacks[7]{};
  std::array<uint8_t, 10> more_reserved{};
  uint16_t io_map = sizeof(Tss);  // beyond the limit: no I/O map
};
static_assert(sizeof(Tss) == 104);

// What the CPU and a handler without arguments must find. There is one CPU.
struct Live {
  std::array<Gate, kVectors> gates{};
  // Ours in the first five places; the others are there for the firmware's code selector.
  std::array<uint64_t, 32> gdt{0, kCode, kData};
  Tss tss;
  alignas(16) std::array<uint8_t, 16384> stack{};
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

uint64_t address(const void* at) { return reinterpret_cast<uintptr_t>(at); }

void set_gates(uint16_t selector, uint8_t stack) {
  for (size_t i = 0; i < kVectors; ++i) {
    const uint64_t entry = address(exception_entries) + i * kEntrySize;
    live.gates[i] = {.offset_low = static_cast<uint16_t>(entry),
                     .selector = selector,
                     .stack = stack,
                     .type = kInterruptGate,
                     .offset_middle = static_cast<uint16_t>(entry >> 16),
                     .offset_high = static_cast<uint32_t>(entry >> 32),
                     .zero = 0};
  }
  const TablePointer idt{sizeof(live.gates) - 1, address(live.gates.data())};
  asm volatile("lidt %0" : : "m"(idt) : "memory");
}

}  // namespace

void take_over_descriptors(const Firmware& firmware,
                           const loader::HandoffFramebuffer& framebuffer) {
  live.firmware = &firmware;
  live.framebuffer = &framebuffer;
  live.tss.stacks[kOurStack - 1] = address(live.stack.data() + live.stack.size());
  const uint64_t tss = address(&live.tss);
  constexpr size_t kTssAt = kTssSelector / 8;
  live.gdt[kTssAt] =
      (sizeof(Tss) - 1) | (tss & 0xffffff) << 16 | kTss << 40 | (tss >> 24 & 0xff) << 56;
  live.gdt[kTssAt + 1] = tss >> 32;

  // The firmware's code selector is good in both GDTs, wherever that is possible: then there is no
  // moment in which an NMI or a machine check finds no handler.
  uint16_t cs = 0;
  asm volatile("mov %%cs, %0" : "=r"(cs));
  const size_t place = cs / 8;
  if (place > kTssAt + 1 && place < live.gdt.size()) {
    live.gdt[place] = kCode;
    set_gates(cs, 0);
  }
  const TablePointer gdt{sizeof(live.gdt) - 1, address(live.gdt.data())};
  load_gdt(&gdt);
  asm volatile("ltr %w0" : : "r"(kTssSelector));
  set_gates(kCodeSelector, kOurStack);
}

}  // namespace efi

void report_exception(uint64_t vector, uint64_t error_code, uint64_t instruction,
                      uint64_t address) {
  using efi::kNames, efi::kVectors, efi::kPageFault, efi::live;
  using efi::last_words;
  const char* const name = vector < kVectors ? kNames[vector] : nullptr;
  const char* const subject = name == nullptr ? "CPU exception" : name;
  // A second one comes from the first one's report, or from the firmware it asked for a reset.
  if (live.reporting) {
    efi::FirstSerial serial;
    serial.say("\nbaton: another while telling of it: ");
    serial.say(subject);
    serial.say("\n");
    serial.drain();
    efi::reset_hard();
  }
  live.reporting = true;
  if (vector == kPageFault) {
    last_words(*live.firmware, *live.framebuffer,
               {"CPU exception before the kernel took over (instruction {:#x}, address {:#x})",
                subject, instruction, address});
  }
  last_words(*live.firmware, *live.framebuffer,
             {"CPU exception before the kernel took over (instruction {:#x}, error {:#x})", subject,
              instruction, error_code});
}

#include "efi/arch.h"

#include <array>
#include <cstdint>

#include "efi/first_serial.h"
#include "efi/ia32/registers.h"
#include "efi/last_words.h"

extern "C" {
// exception_entries.S
void load_gdt(const void* limit_and_base);
// NOLINTBEGIN(readability-identifier-naming)
[[gnu::visibility("hidden")]] extern const char exception_entries[];
[[gnu::visibility("hidden")]] extern const char double_fault_entry[];
// NOLINTEND(readability-identifier-naming)
// Called by it.
[[noreturn]] void report_exception(uint32_t vector, uint32_t error_code, uint32_t instruction,
                                   uint32_t address);
[[noreturn]] void report_double_fault(uint32_t vector);
}

namespace efi {
namespace {

constexpr size_t kVectors = 32, kEntrySize = 16;
constexpr uint16_t kCodeSelector = 8, kDataSelector = 16, kTaskSelector = 24, kFaultSelector = 32;
constexpr uint8_t kInterruptGate = 0x8e, kTaskGate = 0x85;
// Accessed already: the CPU need not write there.
constexpr uint64_t kCode = 0x00cf9b000000ffff, kData = 0x00cf93000000ffff, kTss = 0x89;
constexpr uint32_t kPageFault = 14, kDoubleFault = 8;

struct Gate {
  uint16_t offset_low;
  uint16_t selector;
  uint8_t zero;
  uint8_t type;
  uint16_t offset_high;
};
static_assert(sizeof(Gate) == 8);

struct __attribute__((packed)) TablePointer {
  uint16_t limit;
  uint32_t base;
};

// Intel SDM vol. 3A section 8.2.1.
struct Tss {
  uint32_t back = 0;
  std::array<uint32_t, 6> rings{};
  uint32_t cr3 = 0, eip = 0, eflags = 0;
  uint32_t eax = 0, ecx = 0, edx = 0, ebx = 0, esp = 0, ebp = 0, esi = 0, edi = 0;
  uint32_t es = 0, cs = 0, ss = 0, ds = 0, fs = 0, gs = 0, ldt = 0;
  uint16_t trap = 0, io_map = 104;  // beyond the limit: no I/O map
};
static_assert(sizeof(Tss) == 104);

// What the CPU and a handler without arguments must find. There is one CPU.
struct Live {
  std::array<Gate, kVectors> gates{};
  // Ours in the first five places; the others are there for the firmware's code selector.
  std::array<uint64_t, 32> gdt{0, kCode, kData};
  Tss task, fault;  // what runs, and what begins on a double fault
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

uint32_t address(const void* at) { return reinterpret_cast<uintptr_t>(at); }

uint64_t tss_at(const Tss& tss) {
  const uint64_t base = address(&tss);
  return (sizeof(Tss) - 1) | (base & 0xffffff) << 16 | kTss << 40 | (base >> 24) << 56;
}

void set_gates(uint16_t selector, bool own_task) {
  for (size_t i = 0; i < kVectors; ++i) {
    const uint32_t entry = address(exception_entries) + static_cast<uint32_t>(i * kEntrySize);
    live.gates[i] = {.offset_low = static_cast<uint16_t>(entry),
                     .selector = selector,
                     .zero = 0,
                     .type = kInterruptGate,
                     .offset_high = static_cast<uint16_t>(entry >> 16)};
  }
  if (own_task) {
    live.gates[kDoubleFault] = {.offset_low = 0,
                                .selector = kFaultSelector,
                                .zero = 0,
                                .type = kTaskGate,
                                .offset_high = 0};
  }
  const TablePointer idt{sizeof(live.gates) - 1, address(live.gates.data())};
  asm volatile("lidt %0" : : "m"(idt) : "memory");
}

}  // namespace

void take_over_descriptors(const Firmware& firmware,
                           const loader::HandoffFramebuffer& framebuffer) {
  live.firmware = &firmware;
  live.framebuffer = &framebuffer;
  Tss& fault = live.fault;
  fault.cr3 = ia32::read_cr3();
  fault.eip = address(double_fault_entry);
  fault.eflags = 2;  // the bit that is always set
  fault.esp = address(live.stack.data() + live.stack.size());
  fault.cs = kCodeSelector;
  fault.es = fault.ss = fault.ds = fault.fs = fault.gs = kDataSelector;
  live.gdt[kTaskSelector / 8] = tss_at(live.task);
  live.gdt[kFaultSelector / 8] = tss_at(fault);

  // The firmware's code selector is good in both GDTs, wherever that is possible: then there is no
  // moment in which an NMI or a machine check finds no handler.
  uint16_t cs = 0;
  asm volatile("mov %%cs, %0" : "=r"(cs));
  const size_t place = cs / 8;
  if (place > kFaultSelector / 8 && place < live.gdt.size()) {
    live.gdt[place] = kCode;
    set_gates(cs, false);
  }
  const TablePointer gdt{sizeof(live.gdt) - 1, address(live.gdt.data())};
  load_gdt(&gdt);
  asm volatile("ltr %w0" : : "r"(kTaskSelector));
  set_gates(kCodeSelector, true);
}

}  // namespace efi

void report_double_fault(uint32_t vector) { report_exception(vector, 0, efi::live.task.eip, 0); }

void report_exception(uint32_t vector, uint32_t error_code, uint32_t instruction,
                      uint32_t address) {
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

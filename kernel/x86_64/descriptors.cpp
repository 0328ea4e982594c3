#include "kernel/x86_64/descriptors.h"

extern "C" {
void load_segments();
extern char exception_stubs[], interrupt_stub[];
extern char boot_stack[], boot_stack_end[];
extern char nmi_stack[], nmi_stack_end[];
extern char double_fault_stack[], double_fault_stack_end[];
extern char machine_check_stack[], machine_check_stack_end[];
extern char page_fault_stack[], page_fault_stack_end[];
}

namespace kernel::x86 {
namespace {

struct __attribute__((packed)) Tss {
  uint32_t reserved0 = 0;
  std::array<uint64_t, 3> rsp{};
  uint64_t reserved1 = 0;
  std::array<uint64_t, 7> ist{};
  uint64_t reserved2 = 0;
  uint16_t reserved3 = 0;
  uint16_t io_map = sizeof(Tss);  // beyond the limit: no I/O map
};
static_assert(sizeof(Tss) == 104);

struct Gate {
  uint16_t offset_low = 0;
  uint16_t selector = 0;
  uint8_t ist = 0;
  uint8_t type = 0;
  uint16_t offset_middle = 0;
  uint32_t offset_high = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(Gate) == 16);

struct __attribute__((packed)) TableRegister {
  uint16_t limit;
  uint64_t base;
};

constexpr uint8_t kInterruptGate = 0x8e;  // present, ring 0, interrupts off inside
constexpr uint64_t kFlatCode = 0x00af9b000000ffff;
constexpr uint64_t kFlatData = 0x00cf93000000ffff;
constexpr uint64_t kAvailableTss = 0x89;
constexpr size_t kStubSize = 16;

constinit Tss tss;
constinit std::array<uint64_t, 5> gdt{0, kFlatCode, kFlatData, 0, 0};
constinit std::array<Gate, 256> idt;

uint64_t address(const void* p) { return reinterpret_cast<uint64_t>(p); }

Gate gate(uint64_t handler, uint8_t ist) {
  Gate g;
  g.offset_low = static_cast<uint16_t>(handler);
  g.selector = kCodeSelector;
  g.ist = ist;
  g.type = kInterruptGate;
  g.offset_middle = static_cast<uint16_t>(handler >> 16);
  g.offset_high = static_cast<uint32_t>(handler >> 32);
  return g;
}

// Which of the TSS's stacks a vector runs on; 0: the one in use.
uint8_t ist_of(size_t vector) {
  switch (vector) {
    case 2:
      return 1;
    case 8:
      return 2;
    case 18:
      return 3;
    case 14:
      return 4;
    default:
      return 0;
  }
}

}  // namespace

std::span<const Stack> stacks() {
  static constinit std::array<Stack, 5> all{};
  all = {Stack{"boot", address(boot_stack), address(boot_stack_end)},
         Stack{"NMI", address(nmi_stack), address(nmi_stack_end)},
         Stack{"double fault", address(double_fault_stack), address(double_fault_stack_end)},
         Stack{"machine check", address(machine_check_stack), address(machine_check_stack_end)},
         Stack{"page fault", address(page_fault_stack), address(page_fault_stack_end)}};
  return all;
}

void load_descriptors() {
  tss.ist = {address(nmi_stack_end),
             address(double_fault_stack_end),
             address(machine_check_stack_end),
             address(page_fault_stack_end),
             0,
             0,
             0};
  const uint64_t base = address(&tss);
  gdt[kTssSelector / 8] =
      (sizeof(Tss) - 1) | (base & 0xffffff) << 16 | kAvailableTss << 40 | (base >> 24 & 0xff) << 56;
  gdt[kTssSelector / 8 + 1] = base >> 32;

  for (size_t vector = 0; vector < idt.size(); ++vector) {
    const uint64_t handler =
        vector < 32 ? address(exception_stubs) + vector * kStubSize : address(interrupt_stub);
    idt[vector] = gate(handler, ist_of(vector));
  }

  const TableRegister gdtr{sizeof gdt - 1, address(gdt.data())};
  const TableRegister idtr{sizeof idt - 1, address(idt.data())};
  asm volatile("lgdt %0" : : "m"(gdtr));
  load_segments();
  asm volatile("ltr %w0" : : "r"(kTssSelector));
  asm volatile("lidt %0" : : "m"(idtr));
}

}  // namespace kernel::x86

#include "kernel/x86/descriptors.h"

#include "cpu_local.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/exception_names.h"
#include "kernel/x86/local_apic.h"
#include "kernel/x86/machine_check.h"

extern "C" {
void load_segments();
void double_fault_entry();
extern char boot_stack[], boot_stack_end[];
extern char double_fault_stack[], double_fault_stack_end[];
extern char exception_stubs[], timer_stub[], call_stub[], machine_check_stub[], due_stub[];
extern char spurious_stub[], interrupt_stub[];
}

namespace kernel::x86 {
namespace {

struct Gate {
  uint16_t offset_low = 0;
  uint16_t selector = 0;
  uint8_t zero = 0;
  uint8_t type = 0;
  uint16_t offset_high = 0;
};
static_assert(sizeof(Gate) == 8);

struct __attribute__((packed)) TableRegister {
  uint16_t limit;
  uint32_t base;
};

// Present, ring 0; interrupts are off inside.
constexpr uint8_t kInterruptGate = 0x8e, kTaskGate = 0x85;
constexpr uint64_t kFlatCode = 0x00cf9b000000ffff;
constexpr uint64_t kFlatData = 0x00cf93000000ffff;
constexpr uint64_t kAvailableTss = 0x89, kData = 0x93;
constexpr uint64_t kBytes32 = uint64_t{4} << 52;  // 32 bits, the limit in bytes
constexpr uint16_t kDoubleFaultSelector = 0x20, kLocalSelector = 0x28;
constexpr size_t kStubSize = 16;

constinit std::array<Gate, 256> idt;

uint32_t address(const void* p) { return reinterpret_cast<uintptr_t>(p); }

// A segment that begins there.
uint64_t segment(const void* at, size_t size, uint64_t type) {
  const uint64_t base = address(at);
  return (size - 1) | (base & 0xffffff) << 16 | type << 40 | (base >> 24) << 56;
}

Gate gate(uint32_t handler) {
  Gate g;
  g.offset_low = static_cast<uint16_t>(handler);
  g.selector = kCodeSelector;
  g.type = kInterruptGate;
  g.offset_high = static_cast<uint16_t>(handler >> 16);
  return g;
}

uint32_t handler_of(size_t vector) {
  if (vector < 32) return address(exception_stubs) + static_cast<uint32_t>(vector * kStubSize);
  if (vector == kTimerVector) return address(timer_stub);
  if (vector == kCallVector) return address(call_stub);
  if (vector == kMachineCheckVector) return address(machine_check_stub);
  if (vector == arch::kDueVector) return address(due_stub);
  if (vector == kSpuriousVector) return address(spurious_stub);
  return address(interrupt_stub);
}

// What runs when a stack is no good: all of it but the memory is fresh.
void prepare_double_fault(Local& local) {
  Tss& task = local.double_fault;
  task.cr3 = static_cast<uint32_t>(read_cr3());
  task.eip = reinterpret_cast<uintptr_t>(&double_fault_entry);
  task.eflags = 2;  // the bit that is always set
  task.esp = static_cast<uint32_t>(stack_of(local.number, kDoubleFault).end);
  task.cs = kCodeSelector;
  task.ds = task.es = task.gs = task.ss = kDataSelector;
  task.fs = kLocalSelector;
}

bool has_efer() {
  constexpr uint32_t kNx = 1u << 20, kLongMode = 1u << 29;
  return cpuid(0x80000000).eax >= 0x80000001 && (cpuid(0x80000001).edx & (kNx | kLongMode)) != 0;
}

}  // namespace

uint64_t read_efer() {
  static constinit int there = -1;  // every CPU says the same
  if (there < 0) there = has_efer() ? 1 : 0;
  return there != 0 ? rdmsr(kMsrEfer) : 0;
}

Stack boot_stack_of(StackKind kind) {
  if (kind == kMain) return {"boot", address(boot_stack), address(boot_stack_end)};
  return {kStackPlaces[kind].name, address(double_fault_stack), address(double_fault_stack_end)};
}

void make_idt() {
  for (size_t vector = 0; vector < idt.size(); ++vector) idt[vector] = gate(handler_of(vector));
  Gate& task = idt[kDoubleFaultException];
  task = {};
  task.selector = kDoubleFaultSelector;
  task.type = kTaskGate;
}

void load_descriptors(unsigned cpu) {
  Local& local = local_of(cpu);
  local.self = &local;
  local.number = cpu;
  prepare_double_fault(local);
  local.gdt = {0,
               kFlatCode,
               kFlatData,
               segment(&local.tss, sizeof(Tss), kAvailableTss),
               segment(&local.double_fault, sizeof(Tss), kAvailableTss),
               segment(&local, sizeof(Local), kData) | kBytes32};

  const TableRegister gdtr{sizeof local.gdt - 1, address(local.gdt.data())};
  const TableRegister idtr{sizeof idt - 1, address(idt.data())};
  asm volatile("lgdt %0" : : "m"(gdtr));
  load_segments();
  asm volatile("ltr %w0" : : "r"(kTssSelector));
  asm volatile("lidt %0" : : "m"(idtr));
}

}  // namespace kernel::x86

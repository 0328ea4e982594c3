// What the kernel asks about the CPU.
#include "cpu_local.h"
#include "kernel/arch.h"
#include "kernel/x86/cpu.h"

namespace kernel::arch {

std::array<Register, 4> common_registers() {
  const x86::ControlState state = x86::read_control();
  return {{{"CR0", state.cr0}, {"CR4", state.cr4}, {"EFER", state.efer}, {"PAT", state.pat}}};
}

// Intel SDM vol. 1, section 7.3.17.1: a generator that has run dry is asked again, ten times at most.
uint64_t unpredictable() {
  constexpr uint64_t kOdd = 0x9e37'79b9'7f4a'7c15;
  uint64_t word = x86::rdtsc();
  const bool has_generator = (x86::cpuid(1).ecx >> 30 & 1) != 0;
  for (unsigned tries = has_generator ? 10 : 0; tries > 0; --tries) {
    uintptr_t drawn = 0;
    bool good = false;
    asm volatile("rdrand %0" : "=r"(drawn), "=@ccc"(good));
    if (!good) continue;
    word ^= uint64_t{drawn} << 1;
    break;
  }
  word *= kOdd;
  return word ^ word >> 32;
}

uint64_t microcode(unsigned cpu) { return x86::local_of(cpu).found.microcode; }

uint32_t hardware_id() { return x86::own_apic_id(); }

bool has_wide_cpu_ids() { return (x86::rdmsr(x86::kMsrApicBase) & x86::kApicBaseX2apic) != 0; }

uint64_t own_controller() {
  constexpr uint64_t kAddress = 0x000f'ffff'ffff'f000;
  constexpr uint32_t kHasApic = 1 << 9;
  return (x86::cpuid(1).edx & kHasApic) != 0 ? x86::rdmsr(x86::kMsrApicBase) & kAddress : 0;
}

mm::Phys physical_end() { return mm::Phys{uint64_t{1} << x86::cpu_facts().physical_bits}; }

std::span<const uint64_t> guard_pages(unsigned cpu, std::span<uint64_t, kMostStacks> room) {
  static_assert(kMostStacks >= x86::kStackKinds);
  for (uint8_t kind = 0; kind < x86::kStackKinds; ++kind) {
    room[kind] = x86::stack_of(cpu, x86::StackKind{kind}).start - mm::kPageSize;
  }
  return room.first(x86::kStackKinds);
}

bool is_cpu_memory(const Mapping& mapping) {
  return mapping.virt >= x86::kAreaBase &&
         mapping.virt < x86::kAreaBase + x86::areas() * x86::kAreaSize;
}

bool has_no_execute() { return x86::has_wide_entries() && (x86::read_efer() & x86::kEferNxe) != 0; }

// Linux's words (arch/x86/mm/setup_nx.c).
const char* why_no_execute_is_missing() {
  return x86::cpu_facts().nx ? "cannot be enabled: non-PAE kernel!" : "missing in CPU!";
}

void print_cpu(const mm::Printer& out) {
  x86::print(x86::cpu_facts(), out);
  const char* before = "CPU: ";
  for (const Protection& p : protections()) {
    out.part("{}{} {}", before, p.name, p.on ? "on" : p.there ? "off" : "missing");
    before = ", ";
  }
  out.text("\n");
}

}  // namespace kernel::arch

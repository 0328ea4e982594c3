#include <array>

#include "cpu_local.h"
#include "kernel/arch.h"
#include "kernel/backtrace.h"
#include "kernel/free_pages.h"
#include "kernel/panic.h"
#include "kernel/undefined.h"
#include "kernel/x86/compilers_trap.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/exception_names.h"
#include "kernel/x86/interrupts.h"
#include "kernel/x86/machine_check.h"
#include "registers.h"

extern "C" {
void handle_exception(kernel::x86::Registers* registers);
[[noreturn]] void handle_double_fault();
uint32_t probe_load(const void* address, uint64_t* value);
uint32_t probe_msr(uint32_t msr, uint64_t* value);
uint32_t probe_store(void* address, uint32_t value);
extern char probe_load_access[], probe_load_second_access[], probe_load_failed[];
extern char probe_store_access[], probe_store_failed[];
extern char probe_msr_access[], probe_msr_failed[];
}

namespace kernel {
namespace x86 {
namespace {

uint32_t address(const void* p) { return reinterpret_cast<uintptr_t>(p); }

// A probe's access that faulted goes on at its "failed" label.
bool continue_probe(Registers& r) {
  if (r.vector != kPage && r.vector != kGeneralProtection) return false;
  if (r.eip == address(probe_load_access) || r.eip == address(probe_load_second_access)) {
    r.eip = address(probe_load_failed);
  } else if (r.eip == address(probe_store_access)) {
    r.eip = address(probe_store_failed);
  } else if (r.eip == address(probe_msr_access)) {
    r.eip = address(probe_msr_failed);
  } else {
    return false;
  }
  ++local().counts.probes;
  return true;
}

struct Fault {
  const Registers& registers;
  uint32_t esp;  // where the stack was
  uint64_t cr2;
  FatalCheck check;  // of a machine check
};

void print_page_fault(const mm::Printer& out, const Registers& r, uint64_t at) {
  out.line("BUG: unable to handle page fault for address: {:08x}", at);
  out.line("#PF: {} {} in {} mode", (r.error & 4) != 0 ? "user" : "supervisor",
           (r.error & 16) != 0  ? "instruction fetch"
           : (r.error & 2) != 0 ? "write access"
                                : "read access",
           (r.cs & 3) != 0 ? "user" : "kernel");
  const char* reason = (r.error & 8) != 0   ? "reserved bit violation"
                       : (r.error & 1) != 0 ? "permissions violation"
                                            : "not-present page";
  out.line("#PF: error_code(0x{:04x}) - {}", r.error, reason);
  if (at < mm::kPageSize) out.line("#PF: a null pointer was used");
  print_if_free("#PF: ", at, out);
}

// What the CPU pushed, or was about to push, did not fit.
void print_double_fault(const mm::Printer& out, const Fault& fault) {
  out.line("{}, error code 0x{:04x}", kExceptionNames[kDoubleFaultException],
           fault.registers.error);
  auto stack = stack_guarded_by(fault.cr2);
  if (!stack) stack = stack_guarded_by(fault.esp);
  if (stack) {
    out.line("#DF: {:08x} is in the page below the {} stack: the stack is too small", fault.cr2,
             stack->name);
  }
}

void print_registers(const mm::Printer& out, const Registers& r, uint32_t esp, uint64_t cr2) {
  out.part("EIP: {:04x}:", r.cs);
  print_code_address(out, r.eip, Code::Stopped);
  out.text("\n");
  out.line("ESP: {:08x} EFLAGS: {:08x}", esp, r.eflags);
  out.line("EAX: {:08x} EBX: {:08x} ECX: {:08x} EDX: {:08x}", r.eax, r.ebx, r.ecx, r.edx);
  out.line("ESI: {:08x} EDI: {:08x} EBP: {:08x}", r.esi, r.edi, r.ebp);
  out.line("CR0: {:08x} CR2: {:08x} CR3: {:08x} CR4: {:08x}", read_cr0(), cr2, read_cr3(),
           read_cr4());
}

void report(const void* facts, const mm::Printer& out) {
  const Fault& fault = *static_cast<const Fault*>(facts);
  const Registers& r = fault.registers;
  if (r.vector == kPage) {
    print_page_fault(out, r, fault.cr2);
  } else if (r.vector == kDoubleFaultException) {
    print_double_fault(out, fault);
  } else if (r.vector == kMachineCheckException) {
    print_check(fault.check, out);
  } else {
    out.line("{}, error code 0x{:04x}", kExceptionNames[r.vector], r.error);
    if (kSanitized && r.vector == kInvalidOpcode &&
        is_compilers_trap(reinterpret_cast<const uint8_t*>(r.eip))) {
      print_undefined(out, r.eip);
    }
  }
  print_registers(out, r, fault.esp, fault.cr2);
  print_backtrace_from(out, r.eip, r.ebp);
  if (fault.check.why != nullptr) {
    out.line("Kernel panic - not syncing: Fatal machine check: {}", fault.check.why);
  } else {
    out.line("Kernel panic - not syncing: Fatal exception");
  }
  print_end(out);
}

[[noreturn]] void fatal(const Registers& r, uint32_t esp, const FatalCheck& check = {}) {
  const Fault fault{r, esp, read_cr2(), check};
  const uint64_t about = r.vector == kPage || r.vector == kDoubleFaultException ? fault.cr2
                         : r.vector == kMachineCheckException ? check.record.status
                                                              : r.error;
  last_words({kExceptionNames[r.vector], r.eip, about}, report, &fault);
}

}  // namespace

bool probe_rdmsr(uint32_t msr, uint64_t& value) { return probe_msr(msr, &value) != 0; }

}  // namespace x86

namespace arch {

bool can_read(uint64_t virt) {
  uint64_t value = 0;
  return probe_load(reinterpret_cast<const void*>(static_cast<uintptr_t>(virt)), &value) != 0;
}

bool can_write(uint64_t virt) {
  uint64_t value = 0;
  auto* const aligned = reinterpret_cast<void*>(static_cast<uintptr_t>(virt) & ~uintptr_t{7});
  if (probe_load(aligned, &value) == 0) return false;
  return probe_store(aligned, static_cast<uint32_t>(value & 0xff)) != 0;
}

}  // namespace arch
}  // namespace kernel

void handle_exception(kernel::x86::Registers* registers) {
  using namespace kernel::x86;  // NOLINT: one function, all about it
  if (registers->vector >= kExceptions) return handle_interrupt(registers->vector);
  if (continue_probe(*registers)) return;
  const auto esp = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(registers + 1));
  switch (registers->vector) {
    case kNonMaskable:
      ++local().counts.nmi;
      (void)stop_if_asked();
      return;
    case kBreakpoint:
      ++local().counts.breakpoints;
      return;
    case kMachineCheckException:
      if (const FatalCheck check = take_machine_check(*registers); check.why != nullptr) {
        fatal(*registers, esp, check);
      }
      return;
    default:
      fatal(*registers, esp);
  }
}

void handle_double_fault() {
  using namespace kernel::x86;  // NOLINT: one function, all about it
  const Tss& stopped = local().tss;
  const Registers r{.resume = 0,
                    .edi = stopped.edi,
                    .esi = stopped.esi,
                    .ebp = stopped.ebp,
                    .esp_of_pusha = 0,
                    .ebx = stopped.ebx,
                    .edx = stopped.edx,
                    .ecx = stopped.ecx,
                    .eax = stopped.eax,
                    .vector = kDoubleFaultException,
                    .error = 0,
                    .eip = stopped.eip,
                    .cs = stopped.cs,
                    .eflags = stopped.eflags};
  fatal(r, stopped.esp);
}

#include "registers.h"

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

extern "C" {
void handle_exception(kernel::x86::Registers* registers);
uint32_t probe_load(const void* address, uint64_t* value);
uint32_t probe_msr(uint32_t msr, uint64_t* value);
uint32_t probe_store(void* address, uint32_t value);
extern char probe_load_access[], probe_load_failed[], probe_store_access[], probe_store_failed[];
extern char probe_msr_access[], probe_msr_failed[];
}

namespace kernel {
namespace x86 {
namespace {

uint64_t address(const void* p) { return reinterpret_cast<uint64_t>(p); }

// A probe's access that faulted goes on at its "failed" label.
bool continue_probe(Registers& r) {
  if (r.vector != kPage && r.vector != kGeneralProtection) return false;
  if (r.rip == address(probe_load_access)) {
    r.rip = address(probe_load_failed);
  } else if (r.rip == address(probe_store_access)) {
    r.rip = address(probe_store_failed);
  } else if (r.rip == address(probe_msr_access)) {
    r.rip = address(probe_msr_failed);
  } else {
    return false;
  }
  ++local().counts.probes;
  return true;
}

struct Fault {
  const Registers& registers;
  uint64_t cr2;
  FatalCheck check;  // of a machine check
};

void print_page_fault(const mm::Printer& out, const Registers& r, uint64_t at) {
  out.line("BUG: unable to handle page fault for address: {:016x}", at);
  out.line("#PF: {} {} in {} mode", (r.error & 4) != 0 ? "user" : "supervisor",
           (r.error & 16) != 0  ? "instruction fetch"
           : (r.error & 2) != 0 ? "write access"
                                : "read access",
           (r.cs & 3) != 0 ? "user" : "kernel");
  const char* reason = (r.error & 8) != 0   ? "reserved bit violation"
                       : (r.error & 1) != 0 ? "permissions violation"
                                            : "not-present page";
  out.line("#PF: error_code(0x{:04x}) - {}", r.error, reason);
  if (const auto stack = stack_guarded_by(at)) {
    out.line("#PF: the page below the {} stack: the stack is too small", stack->name);
  }
  if (at < mm::kPageSize) out.line("#PF: a null pointer was used");
  print_if_free("#PF: ", at, out);
}

void print_registers(const mm::Printer& out, const Registers& r, uint64_t cr2) {
  out.part("RIP: {:04x}:", r.cs);
  print_code_address(out, r.rip, Code::Stopped);
  out.text("\n");
  out.line("RSP: {:04x}:{:016x} EFLAGS: {:08x}", r.ss, r.rsp, r.rflags);
  out.line("RAX: {:016x} RBX: {:016x} RCX: {:016x}", r.rax, r.rbx, r.rcx);
  out.line("RDX: {:016x} RSI: {:016x} RDI: {:016x}", r.rdx, r.rsi, r.rdi);
  out.line("RBP: {:016x} R08: {:016x} R09: {:016x}", r.rbp, r.r8, r.r9);
  out.line("R10: {:016x} R11: {:016x} R12: {:016x}", r.r10, r.r11, r.r12);
  out.line("R13: {:016x} R14: {:016x} R15: {:016x}", r.r13, r.r14, r.r15);
  out.line("CR0: {:016x} CR2: {:016x} CR3: {:016x} CR4: {:016x}", read_cr0(), cr2, read_cr3(),
           read_cr4());
}

void report(const void* facts, const mm::Printer& out) {
  const auto& [r, cr2, check] = *static_cast<const Fault*>(facts);
  if (r.vector == kPage) {
    print_page_fault(out, r, cr2);
  } else if (r.vector == kMachineCheckException) {
    print_check(check, out);
  } else {
    out.line("{}, error code 0x{:04x}", kExceptionNames[r.vector], r.error);
    if (kSanitized && r.vector == kInvalidOpcode &&
        is_compilers_trap(reinterpret_cast<const uint8_t*>(r.rip))) {
      print_undefined(out, r.rip);
    }
  }
  print_registers(out, r, cr2);
  print_backtrace_from(out, r.rip, r.rbp);
  if (check.why != nullptr) {
    out.line("Kernel panic - not syncing: Fatal machine check: {}", check.why);
  } else {
    out.line("Kernel panic - not syncing: Fatal exception");
  }
  print_end(out);
}

[[noreturn]] void fatal(const Registers& r, const FatalCheck& check = {}) {
  const Fault fault{r, read_cr2(), check};
  const uint64_t about = r.vector == kPage                    ? fault.cr2
                         : r.vector == kMachineCheckException ? check.record.status
                                                              : r.error;
  last_words({kExceptionNames[r.vector], r.rip, about}, report, &fault);
}

}  // namespace

bool probe_rdmsr(uint32_t msr, uint64_t& value) { return probe_msr(msr, &value) != 0; }

}  // namespace x86

namespace arch {

bool can_read(uint64_t virt) {
  uint64_t value = 0;
  return probe_load(reinterpret_cast<const void*>(virt), &value) != 0;
}

bool can_write(uint64_t virt) {
  uint64_t value = 0;
  const uint64_t aligned = virt & ~uint64_t{7};
  if (probe_load(reinterpret_cast<const void*>(aligned), &value) == 0) return false;
  return probe_store(reinterpret_cast<void*>(aligned), static_cast<uint32_t>(value & 0xff)) != 0;
}

}  // namespace arch
}  // namespace kernel

void handle_exception(kernel::x86::Registers* registers) {
  using namespace kernel::x86;  // NOLINT: one function, all about it
  if (registers->vector >= kExceptions) return handle_interrupt(registers->vector);
  if (continue_probe(*registers)) return;
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
        fatal(*registers, check);
      }
      return;
    default:
      fatal(*registers);
  }
}

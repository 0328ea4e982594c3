#include "kernel/arm/exceptions.h"

#include <array>

#include "kernel/arch.h"
#include "kernel/arm/cpu.h"
#include "kernel/arm/zero_page.h"
#include "kernel/backtrace.h"
#include "kernel/bsa/cpu_local.h"
#include "kernel/bsa/interrupts.h"
#include "kernel/free_pages.h"
#include "kernel/panic.h"
#include "kernel/undefined.h"

extern "C" {
void handle_exception(kernel::arm::Registers* registers, kernel::arm::Kind kind);
void take_calls_that_are_due();
uint32_t probe_load(const void* address, uint64_t* value);
uint32_t probe_store(void* address, uint32_t value);
extern char probe_load_access[], probe_store_access[], ask_host_access[], probe_failed[];
}

namespace kernel {
namespace arm {
namespace {

// What the CPU says of an abort.
struct Abort {
  bool there = false;  // it is one, and precise
  bool fetch = false;  // of an instruction
  uint32_t status = 0, address = 0;
};

// DFSR's and IFSR's status (ARM ARM DDI 0406C, table B3-23).
constexpr uint32_t status_code(uint32_t status) { return (status & 0xf) | (status >> 6 & 0x10); }
constexpr uint32_t kNotPrecise = 0x16, kNotPreciseParity = 0x18, kSectionPermission = 0x0d,
                   kPagePermission = 0x0f;
constexpr uint32_t kWrite = 1u << 11;  // of DFSR

Abort abort_of(Kind kind) {
  if (kind == Kind::PrefetchAbort) {
    return {true, true, KERNEL_READ_CP15(0, c5, c0, 1), KERNEL_READ_CP15(0, c6, c0, 2)};
  }
  if (kind != Kind::DataAbort) return {};
  const uint32_t status = KERNEL_READ_CP15(0, c5, c0, 0);
  const uint32_t code = status_code(status);
  return {code != kNotPrecise && code != kNotPreciseParity, false, status,
          KERNEL_READ_CP15(0, c6, c0, 0)};
}

const char* name_of(Kind kind, const Abort& abort) {
  switch (kind) {
    case Kind::Undefined:
      return "undefined instruction";
    case Kind::SupervisorCall:
      return "supervisor call";
    case Kind::PrefetchAbort:
      return "prefetch abort";
    case Kind::DataAbort:
      return abort.there ? "data abort" : "imprecise external abort";
    case Kind::Fiq:
      return "FIQ";
    default:
      return "exception";
  }
}

const char* reason_of(uint32_t status) {
  switch (status_code(status)) {
    case 0x01:
      return "alignment fault";
    case 0x02:
      return "debug event";
    case 0x03:
    case 0x06:
      return "access flag fault";
    case 0x04:
      return "fault on instruction cache maintenance";
    case 0x05:
      return "section translation fault: nothing is mapped in this MiB";
    case 0x07:
      return "page translation fault: the page is not mapped";
    case 0x08:
      return "external abort";
    case 0x09:
    case 0x0b:
      return "domain fault";
    case 0x0c:
    case 0x0e:
      return "external abort on a walk of page tables";
    case kSectionPermission:
      return "section permission fault";
    case kPagePermission:
      return "page permission fault";
    default:
      return "fault";
  }
}

uint32_t address(const void* p) { return reinterpret_cast<uintptr_t>(p); }

// A probe's instruction that faulted goes on where it says so.
bool continue_probe(Registers& r, Kind kind) {
  const bool access = kind == Kind::DataAbort &&
                      (r.pc == address(probe_load_access) || r.pc == address(probe_store_access));
  const bool host = kind == Kind::Undefined && r.pc == address(ask_host_access);
  if (!access && !host) return false;
  r.pc = address(probe_failed);
  ++bsa::local().probes;
  return true;
}

struct Fault {
  const Registers& registers;
  Kind kind;
  Abort abort;
};

void print_abort(const mm::Printer& out, const Abort& abort) {
  out.line("Unable to handle kernel {} at virtual address {:08x}",
           abort.address < mm::kPageSize ? "NULL pointer dereference" : "paging request",
           abort.address);
  out.line("  {}: {}",
           abort.fetch                    ? "instruction fetch"
           : (abort.status & kWrite) != 0 ? "write access"
                                          : "read access",
           reason_of(abort.status));
  if (const auto stack = bsa::stack_guarded_by(abort.address)) {
    out.line("  the page below the {} stack: the stack is too small", stack->name);
  }
  print_if_free("  ", abort.address, out);
}

void print_registers(const mm::Printer& out, const Fault& fault) {
  const Registers& r = fault.registers;
  out.part("PC is at ");
  print_code_address(out, r.pc, Code::Stopped);
  out.text("\n");
  out.part("LR is at ");
  print_code_address(out, r.lr, Code::Return);
  out.text("\n");
  out.line("pc : [<{:08x}>]    lr : [<{:08x}>]    psr: {:08x}", r.pc, r.lr, r.cpsr);
  out.line("sp : {:08x}  ip : {:08x}  fp : {:08x}", r.sp, r.r[12], r.r[11]);
  out.line("r10: {:08x}  r9 : {:08x}  r8 : {:08x}", r.r[10], r.r[9], r.r[8]);
  out.line("r7 : {:08x}  r6 : {:08x}  r5 : {:08x}  r4 : {:08x}", r.r[7], r.r[6], r.r[5], r.r[4]);
  out.line("r3 : {:08x}  r2 : {:08x}  r1 : {:08x}  r0 : {:08x}", r.r[3], r.r[2], r.r[1], r.r[0]);
  out.line("Control: {:08x}  Table: {:08x}  DAC: {:08x}  FSR: {:#x}", read_sctlr(), read_ttbr0(),
           read_dacr(), fault.abort.status);
}

// Whether what is undefined there is GCC's trap, in which the compiler's checks end.
bool is_compilers_trap(uint32_t pc) {
  return pc % 4 == 0 && *reinterpret_cast<const uint32_t*>(pc) == 0xe7f0'00f0;  // udf #0
}

void report(const void* facts, const mm::Printer& out) {
  const Fault& fault = *static_cast<const Fault*>(facts);
  const Registers& r = fault.registers;
  if (fault.abort.there) {
    print_abort(out, fault.abort);
  } else {
    out.line("Internal error: {}", name_of(fault.kind, fault.abort));
    if (kSanitized && fault.kind == Kind::Undefined && is_compilers_trap(r.pc)) {
      print_undefined(out, r.pc);
    }
  }
  print_registers(out, fault);
  print_backtrace_from(out, r.pc, r.r[11]);
  out.line("Kernel panic - not syncing: Fatal exception");
  print_end(out);
}

[[noreturn]] void fatal(const Registers& r, Kind kind, const Abort& abort) {
  const Fault fault{r, kind, abort};
  last_words({name_of(kind, abort), r.pc, abort.there ? abort.address : abort.status}, report,
             &fault);
}

}  // namespace
}  // namespace arm

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

void handle_exception(kernel::arm::Registers* registers, kernel::arm::Kind kind) {
  using namespace kernel::arm;  // NOLINT: one function, all about it
  if (kind == Kind::Irq) return kernel::bsa::handle_interrupts();
  const Abort abort = abort_of(kind);
  if (continue_probe(*registers, kind)) return;
  const uint32_t code = status_code(abort.status);
  const bool forbidden = code == kSectionPermission || code == kPagePermission;
  const bool write = abort.there && !abort.fetch && (abort.status & kWrite) != 0;
  if (write && forbidden && copy_zero_page(abort.address)) return;
  fatal(*registers, kind, abort);
}

void take_calls_that_are_due() {
  const bool on = kernel::arch::mask_interrupts();
  kernel::bsa::take_due_calls();
  kernel::arch::restore_interrupts(on);
}

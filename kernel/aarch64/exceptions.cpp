#include "kernel/aarch64/exceptions.h"

#include <array>

#include "kernel/aarch64/cpu.h"
#include "kernel/arch.h"
#include "kernel/backtrace.h"
#include "kernel/bsa/cpu_local.h"
#include "kernel/bsa/interrupts.h"
#include "kernel/free_pages.h"
#include "kernel/panic.h"
#include "kernel/undefined.h"

extern "C" {
void handle_exception(kernel::aarch64::Registers* registers, kernel::aarch64::Kind kind);
uint32_t probe_load(const void* address, uint64_t* value);
uint32_t probe_store(void* address, uint32_t value);
extern char probe_load_access[], probe_store_access[], ask_host_access[], probe_failed[];
}

namespace kernel {
namespace aarch64 {
namespace {

// ESR_EL1's exception classes (Arm ARM, section D19.2.37).
enum Class : uint8_t {
  kUndefined = 0x00,
  kSupervisorCall = 0x15,
  kInstructionAbort = 0x21,
  kPcAlignment = 0x22,
  kDataAbort = 0x25,
  kSpAlignment = 0x26,
  kBreakpoint = 0x3c,
};
constexpr uint64_t kCompilersTrap = 1000;  // GCC's brk has this number

uint8_t class_of(const Registers& r) { return r.esr >> 26 & 63; }

const char* name_of(const Registers& r, Kind kind) {
  if (kind == Kind::SError) return "SError interrupt";
  if (kind == Kind::Fiq) return "FIQ";
  if (kind != Kind::Synchronous) return "exception from EL0";
  switch (class_of(r)) {
    case kUndefined:
      return "undefined instruction";
    case 0x07:
      return "floating-point access";
    case 0x0e:
      return "illegal execution state";
    case 0x18:
      return "trapped system register";
    case kInstructionAbort:
      return "instruction abort";
    case kPcAlignment:
      return "PC alignment fault";
    case kDataAbort:
      return "data abort";
    case kSpAlignment:
      return "SP alignment fault";
    case 0x31:
    case 0x33:
    case 0x35:
      return "debug exception";
    case kBreakpoint:
      return "BRK instruction";
    default:
      return "synchronous exception";
  }
}

bool is_abort(const Registers& r, Kind kind) {
  return kind == Kind::Synchronous &&
         (class_of(r) == kInstructionAbort || class_of(r) == kDataAbort);
}

// By the fault status code, of which the lowest two bits are the level.
const char* reason_of(uint64_t esr) {
  switch (esr & 0x3f) {
    case 0x10:
      return "external abort";
    case 0x21:
      return "alignment fault";
    default:
      break;
  }
  switch (esr >> 2 & 0xf) {
    case 0:
      return "address size fault";
    case 1:
      return "translation fault: the page is not mapped";
    case 2:
      return "access flag fault";
    case 3:
      return "permission fault";
    default:
      return "fault";
  }
}

uint64_t address(const void* p) { return reinterpret_cast<uint64_t>(p); }

// A probe's instruction that faulted goes on where it says so.
bool continue_probe(Registers& r) {
  const bool access =
      (r.elr == address(probe_load_access) || r.elr == address(probe_store_access)) &&
      class_of(r) == kDataAbort;
  const bool host = r.elr == address(ask_host_access) && class_of(r) == kUndefined;
  if (!access && !host) return false;
  r.elr = address(probe_failed);
  ++bsa::local().probes;
  return true;
}

struct Fault {
  const Registers& registers;
  Kind kind;
};

void print_abort(const mm::Printer& out, const Registers& r) {
  constexpr uint64_t kWrite = 1u << 6;
  out.line("Unable to handle kernel {} at virtual address {:016x}",
           r.far < mm::kPageSize ? "NULL pointer dereference" : "paging request", r.far);
  out.line("  {}: {}",
           class_of(r) == kInstructionAbort ? "instruction fetch"
           : (r.esr & kWrite) != 0          ? "write access"
                                            : "read access",
           reason_of(r.esr));
  if (const auto stack = bsa::stack_guarded_by(r.far)) {
    out.line("  the page below the {} stack: the stack is too small", stack->name);
  }
  print_if_free("  ", r.far, out);
}

void print_registers(const mm::Printer& out, const Registers& r) {
  out.part("pc : ");
  print_code_address(out, r.elr, Code::Stopped);
  out.text("\n");
  out.part("lr : ");
  print_code_address(out, r.x[30], Code::Return);
  out.text("\n");
  out.line("sp : {:016x} pstate: {:08x} ESR: {:#010x}", r.sp, r.spsr, r.esr);
  for (unsigned i = 0; i < 30; i += 3) {
    out.line("x{:02}: {:016x} x{:02}: {:016x} x{:02}: {:016x}", i, r.x[i], i + 1, r.x[i + 1], i + 2,
             r.x[i + 2]);
  }
}

void report(const void* facts, const mm::Printer& out) {
  const auto& [r, kind] = *static_cast<const Fault*>(facts);
  if (is_abort(r, kind)) {
    print_abort(out, r);
  } else {
    out.line("Internal error: {}, syndrome {:#010x}", name_of(r, kind), r.esr);
    if (kSanitized && class_of(r) == kBreakpoint && (r.esr & 0xffff) == kCompilersTrap) {
      print_undefined(out, r.elr);
    }
  }
  print_registers(out, r);
  print_backtrace_from(out, r.elr, r.x[29]);
  out.line("Kernel panic - not syncing: Fatal exception");
  print_end(out);
}

[[noreturn]] void fatal(const Registers& r, Kind kind) {
  const Fault fault{r, kind};
  last_words({name_of(r, kind), r.elr, is_abort(r, kind) ? r.far : r.esr}, report, &fault);
}

}  // namespace
}  // namespace aarch64

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

void handle_exception(kernel::aarch64::Registers* registers, kernel::aarch64::Kind kind) {
  using namespace kernel::aarch64;  // NOLINT: one function, all about it
  if (kind == Kind::Irq) return kernel::bsa::handle_interrupts();
  if (kind == Kind::Synchronous) {
    if (continue_probe(*registers)) return;
    if (class_of(*registers) == kSupervisorCall) return kernel::bsa::take_due_calls();
  }
  fatal(*registers, kind);
}

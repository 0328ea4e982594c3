#include "kernel/bsa/psci.h"

extern "C" {
intptr_t call_smc(uintptr_t function, uintptr_t a, uintptr_t b, uintptr_t c);
intptr_t call_hvc(uintptr_t function, uintptr_t a, uintptr_t b, uintptr_t c);
}

namespace kernel::bsa {
namespace {

// Arm DEN 0022: CPU_ON takes addresses, and so has another number where these have 64 bits.
constexpr uintptr_t kCpuOn = sizeof(uintptr_t) == sizeof(uint64_t) ? 0xc400'0003 : 0x8400'0003;
constexpr uintptr_t kSystemOff = 0x8400'0008, kSystemReset = 0x8400'0009;
constexpr intptr_t kNotSupported = -1;

constinit loader::Psci by = loader::Psci::None;

intptr_t call(uintptr_t function, uintptr_t a = 0, uintptr_t b = 0, uintptr_t c = 0) {
  switch (by) {
    case loader::Psci::Smc:
      return call_smc(function, a, b, c);
    case loader::Psci::Hvc:
      return call_hvc(function, a, b, c);
    default:
      return kNotSupported;
  }
}

}  // namespace

void use_psci(loader::Psci conduit) { by = conduit; }

bool has_psci() { return by != loader::Psci::None; }

int64_t start_cpu(uint64_t mpidr, uint64_t entry, uint64_t context) {
  return call(kCpuOn, static_cast<uintptr_t>(mpidr), static_cast<uintptr_t>(entry),
              static_cast<uintptr_t>(context));
}

void system_off() { (void)call(kSystemOff); }

void system_reset() { (void)call(kSystemReset); }

}  // namespace kernel::bsa

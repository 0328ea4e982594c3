#include "kernel/aarch64/psci.h"

extern "C" {
int64_t call_smc(uint64_t function, uint64_t a, uint64_t b, uint64_t c);
int64_t call_hvc(uint64_t function, uint64_t a, uint64_t b, uint64_t c);
}

namespace kernel::aarch64 {
namespace {

constexpr uint64_t kCpuOn = 0xc400'0003, kSystemOff = 0x8400'0008, kSystemReset = 0x8400'0009;
constexpr int64_t kNotSupported = -1;

constinit loader::Psci by = loader::Psci::None;

int64_t call(uint64_t function, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0) {
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
  return call(kCpuOn, mpidr, entry, context);
}

void system_off() { (void)call(kSystemOff); }

void system_reset() { (void)call(kSystemReset); }

}  // namespace kernel::aarch64

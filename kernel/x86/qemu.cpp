#include "kernel/x86/qemu.h"

#include "kernel/x86/cpu.h"
#include "kernel/x86/ports.h"

namespace kernel::x86 {
namespace {

constexpr uint16_t kFwCfgSelector = 0x510, kFwCfgData = 0x511, kDebugExit = 0xf4;

}  // namespace

bool is_qemu() {
  if ((cpuid(1).ecx >> 31 & 1) == 0) return false;
  out16(kFwCfgSelector, 0);  // item 0: the signature
  for (const char expected : {'Q', 'E', 'M', 'U'}) {
    if (in8(kFwCfgData) != static_cast<uint8_t>(expected)) return false;
  }
  return true;
}

void qemu_exit(uint8_t status) {
  if (is_qemu()) out32(kDebugExit, status >> 1);  // QEMU makes value * 2 + 1 of it
}

}  // namespace kernel::x86

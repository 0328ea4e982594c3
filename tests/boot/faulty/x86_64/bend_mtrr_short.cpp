// The CPU caches the first 256 MiB only: one write-back range, and no default.
#include "tests/boot/faulty/faulty.h"

namespace faulty {
namespace {

constexpr UINT32 kCapabilities = 0xfe, kFirstBase = 0x200, kFirstMask = 0x201, kDefaultType = 0x2ff;
constexpr UINT64 kWriteBack = 6, kValid = 0x800, kOnAndFixedOn = 0xc00;
constexpr UINT64 kCached = 256 << 20;
constexpr UINT64 kAddressBits = (UINT64{1} << 36) - 1;

UINT64 read(UINT32 msr) {
  UINT32 low = 0;
  UINT32 high = 0;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
  return UINT64{high} << 32 | low;
}

void write(UINT32 msr, UINT64 value) {
  asm volatile("wrmsr"
               :
               : "c"(msr), "a"(static_cast<UINT32>(value)), "d"(static_cast<UINT32>(value >> 32)));
}

}  // namespace

EFI_STATUS bend(EFI_BOOT_SERVICES& /*services*/, EFI_LOADED_IMAGE& /*baton*/) {
  const UINT64 ranges = read(kCapabilities) & 0xff;
  for (UINT32 i = 1; i < ranges; ++i) write(kFirstMask + 2 * i, 0);
  write(kFirstBase, kWriteBack);
  write(kFirstMask, (kAddressBits & ~(kCached - 1)) | kValid);
  write(kDefaultType, kOnAndFixedOn);
  return EFI_SUCCESS;
}

}  // namespace faulty

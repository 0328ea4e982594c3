// Intel SDM vol. 3A, chapter 4.
#include "efi/arch.h"

namespace efi {
namespace {

constexpr uint64_t kPresent = 1, kWritable = 2, kLarge = 128;
constexpr uint64_t kNoExecute = uint64_t{1} << 63;
constexpr uint64_t kTable = 0x000f'ffff'ffff'f000;
constexpr uint64_t kCr0WriteProtect = 1 << 16, kCr4La57 = 1 << 12;
constexpr uint32_t kEfer = 0xc000'0080, kEferNoExecute = 1 << 11;

}  // namespace

std::optional<LivePermissions> live_page(uint64_t address) {
  uint64_t cr0, cr3, cr4;
  uint32_t efer, efer_high;
  asm volatile("mov %%cr0, %0" : "=r"(cr0));
  asm volatile("mov %%cr3, %0" : "=r"(cr3));
  asm volatile("mov %%cr4, %0" : "=r"(cr4));
  asm volatile("rdmsr" : "=a"(efer), "=d"(efer_high) : "c"(kEfer));

  LivePermissions allowed{true, true};
  uint64_t table = cr3 & kTable;
  const unsigned levels = (cr4 & kCr4La57) != 0 ? 5 : 4;
  // Only canonical addresses can be reached.
  const unsigned unused = 64 - 12 - 9 * levels;
  if (static_cast<uint64_t>(static_cast<int64_t>(address << unused) >> unused) != address) {
    return std::nullopt;
  }
  for (unsigned level = levels; level > 0; --level) {
    const unsigned shift = 12 + 9 * (level - 1);
    // The firmware maps all of memory at its own address.
    const uint64_t entry =
        reinterpret_cast<const uint64_t*>(table)[address >> shift & 511];  // NOLINT
    if ((entry & kPresent) == 0) return std::nullopt;
    if ((entry & kWritable) == 0) allowed.writable = false;
    if ((entry & kNoExecute) != 0) allowed.executable = false;
    if (level <= 3 && (entry & kLarge) != 0) break;
    table = entry & kTable;
  }
  if ((cr0 & kCr0WriteProtect) == 0) allowed.writable = true;
  if ((efer & kEferNoExecute) == 0) allowed.executable = true;
  return allowed;
}

}  // namespace efi

// Intel SDM vol. 3A, sections 4.3 and 4.4. The firmware maps all of memory at its own address.
#include "efi/arch.h"
#include "efi/ia32/registers.h"

namespace efi {
namespace {

using namespace ia32;  // NOLINT: all of it is about those

constexpr uint64_t kPresent = 1, kWritable = 2, kLarge = 128, kNoExecute = uint64_t{1} << 63;
constexpr uint64_t kTable = 0x000f'ffff'ffff'f000;

uint64_t pae_entry(uint64_t table, uint32_t index) {
  return reinterpret_cast<const uint64_t*>(static_cast<uintptr_t>(table))[index];  // NOLINT
}
uint32_t plain_entry(uint32_t table, uint32_t index) {
  return reinterpret_cast<const uint32_t*>(table)[index];  // NOLINT
}

std::optional<LivePermissions> by_pae(uint64_t root, uint32_t address) {
  LivePermissions allowed{true, true};
  uint64_t entry = pae_entry(root, address >> 30);
  if ((entry & kPresent) == 0) return std::nullopt;
  for (const unsigned shift : {21u, 12u}) {
    entry = pae_entry(entry & kTable, address >> shift & 511);
    if ((entry & kPresent) == 0) return std::nullopt;
    if ((entry & kWritable) == 0) allowed.writable = false;
    if ((entry & kNoExecute) != 0) allowed.executable = false;
    if ((entry & kLarge) != 0) break;  // in the last table the PAT's bit: it ends there anyway
  }
  return allowed;
}

std::optional<LivePermissions> by_plain(uint32_t root, uint32_t address) {
  LivePermissions allowed{true, true};
  uint32_t entry = plain_entry(root, address >> 22);
  if ((entry & kPresent) == 0) return std::nullopt;
  allowed.writable = (entry & kWritable) != 0;
  if ((entry & kLarge) != 0 && (read_cr4() & kCr4Pse) != 0) return allowed;
  entry = plain_entry(entry & ~uint32_t{4095}, address >> 12 & 1023);
  if ((entry & kPresent) == 0) return std::nullopt;
  if ((entry & kWritable) == 0) allowed.writable = false;
  return allowed;
}

}  // namespace

std::optional<LivePermissions> live_page(uint64_t address) {
  if (address >> 32 != 0) return std::nullopt;
  const loader::LiveTables tables = live_tables();
  if (tables.levels == 0) return LivePermissions{true, true};
  const auto at = static_cast<uint32_t>(address);
  const bool pae = tables.levels == 3;
  auto allowed =
      pae ? by_pae(tables.root.v, at) : by_plain(static_cast<uint32_t>(tables.root.v), at);
  if (!allowed) return allowed;
  if ((read_cr0() & kCr0WriteProtect) == 0) allowed->writable = true;
  // Only a CPU that has the bit has the register.
  constexpr uint32_t kNx = 1u << 20;
  const bool has_nx = cpuid(0x8000'0000).a >= 0x8000'0001 && (cpuid(0x8000'0001).d & kNx) != 0;
  if (!has_nx || (read_msr(kEfer) & kEferNoExecute) == 0) allowed->executable = true;
  return allowed;
}

}  // namespace efi

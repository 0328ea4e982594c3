// Arm ARM, sections D8.3 and D8.4.
#include "efi/aarch64/registers.h"
#include "efi/arch.h"

namespace efi {
namespace {

constexpr uint64_t kValid = 1, kTableOrPage = 2, kReadOnly = 1u << 7;
constexpr uint64_t kNotRunAtEl1 = uint64_t{1} << 53, kNotRun = uint64_t{1} << 54;
// What an entry that leads to a table takes away from all that is below.
constexpr uint64_t kTableNotRunAtEl1 = uint64_t{1} << 59, kTableNotRun = uint64_t{1} << 60,
                   kTableReadOnly = uint64_t{1} << 62;
constexpr uint64_t kAddress = 0x0000'ffff'ffff'f000;
constexpr uint64_t kWritableIsNotRun = 1u << 19;  // SCTLR.WXN

}  // namespace

std::optional<LivePermissions> live_page(uint64_t address) {
  const bool el2 = aarch64::at_el2();
  const uint64_t sctlr = el2 ? EFI_READ(sctlr_el2) : EFI_READ(sctlr_el1);
  const uint64_t not_run = el2 ? kNotRun : kNotRunAtEl1;
  const uint64_t table_not_run = el2 ? kTableNotRun : kTableNotRunAtEl1;
  if (address >> aarch64::address_bits() != 0) return std::nullopt;

  LivePermissions allowed{true, true};
  uint64_t table = aarch64::read_ttbr0() & 0x0000'ffff'ffff'fffe;
  for (unsigned level = aarch64::levels(); level > 0; --level) {
    const unsigned shift = 12 + 9 * (level - 1);
    // The firmware maps all of memory at its own address.
    const uint64_t entry =
        reinterpret_cast<const uint64_t*>(table)[address >> shift & 511];  // NOLINT
    if ((entry & kValid) == 0) return std::nullopt;
    if (level == 1 || (entry & kTableOrPage) == 0) {
      if ((entry & kReadOnly) != 0) allowed.writable = false;
      if ((entry & not_run) != 0) allowed.executable = false;
      break;
    }
    if ((entry & kTableReadOnly) != 0) allowed.writable = false;
    if ((entry & table_not_run) != 0) allowed.executable = false;
    table = entry & kAddress;
  }
  if ((sctlr & kWritableIsNotRun) != 0 && allowed.writable) allowed.executable = false;
  return allowed;
}

}  // namespace efi

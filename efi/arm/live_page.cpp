// ARM ARM DDI 0406C, sections B3.5 and B3.7. The firmware maps all of memory at its own address.
#include "efi/arch.h"
#include "efi/arm/registers.h"

namespace efi {
namespace {

using namespace arm;  // NOLINT: all of it is about those

constexpr uint32_t kAccessFlagIsUsed = 1u << 29;  // SCTLR.AFE: then AP[0] says no more who may
constexpr uint32_t kWritableIsNotRun = 1u << 19;  // SCTLR.WXN
constexpr uint32_t kManager = 3;                  // of a domain: nothing is checked

uint32_t word_at(uint32_t table, uint32_t index) {
  return reinterpret_cast<const uint32_t*>(table)[index];  // NOLINT: the firmware's address
}

// What the first privilege level may; AP[2:0].
LivePermissions by_access(uint32_t ap, bool not_run) {
  if ((ap & 3) == 0 && (read_sctlr() & kAccessFlagIsUsed) == 0) return {false, false};
  return {(ap & 4) == 0, !not_run};
}

// Section B3.6.
std::optional<LivePermissions> by_long(const loader::LiveTables& tables, uint32_t address) {
  constexpr uint64_t kValid = 1, kTableOrPage = 2, kReadOnly = 1u << 7, kNotRun = uint64_t{3} << 53,
                     kTableReadOnly = uint64_t{1} << 62, kTableNotRun = uint64_t{3} << 59,
                     kAddress = 0xff'ffff'f000;
  if (address >> 30 >= tables.root_entries) return std::nullopt;
  LivePermissions allowed{true, true};
  uint64_t table = tables.root.v;
  for (const unsigned shift : {30u, 21u, 12u}) {
    const uint64_t entry = reinterpret_cast<const uint64_t*>(  // NOLINT: the firmware's address
        static_cast<uintptr_t>(table))[address >> shift & 511];
    if ((entry & kValid) == 0) return std::nullopt;
    if (shift == 12 || (entry & kTableOrPage) == 0) {
      if ((entry & kReadOnly) != 0) allowed.writable = false;
      if ((entry & kNotRun) != 0) allowed.executable = false;
      break;
    }
    if ((entry & kTableReadOnly) != 0) allowed.writable = false;
    if ((entry & kTableNotRun) != 0) allowed.executable = false;
    table = entry & kAddress;
  }
  return allowed;
}

std::optional<LivePermissions> by_short(const loader::LiveTables& tables, uint32_t at) {
  constexpr uint32_t kTable = 1, kSection = 2, kSmallNotRun = 1, kLargeNotRun = 1u << 15;
  if (at >> 20 >= tables.root_entries) return std::nullopt;
  const uint32_t entry = word_at(static_cast<uint32_t>(tables.root.v), at >> 20);
  const uint32_t domain = entry >> 5 & 15;
  LivePermissions allowed;
  if ((entry & 3) == kTable) {
    const uint32_t page = word_at(entry & ~uint32_t{1023}, at >> 12 & 255);
    if ((page & 3) == 0) return std::nullopt;
    const bool not_run = (page & 2) != 0 ? (page & kSmallNotRun) != 0 : (page & kLargeNotRun) != 0;
    allowed = by_access((page >> 4 & 3) | (page >> 7 & 4), not_run);
  } else if ((entry & kSection) != 0) {
    allowed = by_access((entry >> 10 & 3) | (entry >> 13 & 4), (entry & 1u << 4) != 0);
  } else {
    return std::nullopt;
  }
  if ((read_dacr() >> (2 * domain) & 3) == kManager) return LivePermissions{true, true};
  return allowed;
}

}  // namespace

std::optional<LivePermissions> live_page(uint64_t address) {
  if (address >> 32 != 0) return std::nullopt;
  const loader::LiveTables tables = live_tables();
  if (tables.levels == 0) return LivePermissions{true, true};
  const auto at = static_cast<uint32_t>(address);
  auto allowed = tables.levels == 3 ? by_long(tables, at) : by_short(tables, at);
  if (!allowed) return allowed;
  if ((read_sctlr() & kWritableIsNotRun) != 0 && allowed->writable) allowed->executable = false;
  return allowed;
}

}  // namespace efi

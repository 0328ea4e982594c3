// SMBIOS: which memory modules there are, and which addresses they answer (DMTF DSP0134 3.6).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "loader/acpi/tables.h"
#include "mm/direct_map.h"
#include "mm/print.h"
#include "mm/types.h"

namespace loader {

// One structure: its formatted part (header included) and the strings behind it.
struct SmbiosStructure {
  uint8_t type = 0;
  uint16_t handle = 0;
  std::span<const uint8_t> bytes;    // the formatted part
  std::span<const uint8_t> strings;  // NUL-terminated each, without the final NUL

  // The string of a number as fields hold it; empty for 0 and for numbers that are not there.
  [[nodiscard]] std::string_view string(unsigned number) const;
};

// Walks a structure table.
class SmbiosStructures {
 public:
  explicit SmbiosStructures(std::span<const uint8_t> table) : table_(table) {}

  // The next one; none behind the end-of-table structure (type 127), at the end of the bytes, or
  // where a structure does not end inside them.
  std::optional<SmbiosStructure> next();
  // Whether the walk ended where it should: with type 127 or exactly at the end.
  [[nodiscard]] bool well_ended() const { return ended_ || at_ == table_.size(); }
  [[nodiscard]] size_t offset() const { return at_; }

 private:
  std::span<const uint8_t> table_;
  size_t at_ = 0;
  bool ended_ = false;
};

// Entry point structures (section 5.2): where the table lies, and how long it is at most.
struct SmbiosEntry {
  uint64_t table = 0;
  uint64_t size = 0;
};
// `entry` begins with "_SM3_" or "_SM_", with all of its length; none when anchor, length or
// checksum is wrong.
[[nodiscard]] std::optional<SmbiosEntry> smbios_entry(std::span<const uint8_t> entry);

// The structures that the entry point at the address `entry` leads to; empty where it is none, or where
// can_read(address, size) denies it or its table.
template <class CanRead>
[[nodiscard]] std::span<const uint8_t> smbios_table(const mm::DirectMap& map, uint64_t entry,
                                                    uint32_t version, CanRead can_read) {
  const size_t size = version == 3 ? 24 : 31;
  if (entry == 0 || !can_read(entry, size)) return {};
  const auto found = smbios_entry({map.at<const uint8_t>(mm::Phys{entry}), size});
  if (!found || found->size > kMaxFirmwareTable || !can_read(found->table, found->size)) return {};
  return map.span<const uint8_t>(mm::Phys{found->table}, found->size);
}

// What the machine is called, by types 0, 1 and 2 (sections 7.1 to 7.3), as Linux calls it: without
// serial numbers. Empty: not told.
struct MachineName {
  std::string_view vendor, product, board, bios_version, bios_date;
};
[[nodiscard]] MachineName machine_name(SmbiosStructures structures);
// "DMI: vendor product/board, BIOS version date", and nothing where nothing is told.
void print_machine_name(const MachineName& name, const mm::Printer& out);

// Physical memory array of the machine's main memory, type 16 (section 7.17).
struct MemoryArray {
  uint64_t capacity = 0;  // bytes that its modules may have together; 0: not known
  uint16_t devices = 0;   // type 17 structures that are its own: sockets, full or empty
};
// None for arrays of another use (video, flash, cache).
[[nodiscard]] std::optional<MemoryArray> memory_array(const SmbiosStructure& structure);

// Memory device, type 17 (section 7.18).
struct MemoryDevice {
  bool installed = false;
  uint64_t size = 0;   // bytes; 0: no module is installed, or its size is not known
  uint16_t array = 0;  // handle of its type 16 structure
  std::string_view locator, bank;
};
[[nodiscard]] std::optional<MemoryDevice> memory_device(const SmbiosStructure& structure);

// Memory array mapped address, type 19 (section 7.20).
[[nodiscard]] std::optional<mm::Range> mapped_range(const SmbiosStructure& structure);
// The handle of its type 16 structure.
[[nodiscard]] std::optional<uint16_t> mapped_array(const SmbiosStructure& structure);

// Memory device mapped address, type 20 (section 7.21): which module answers these addresses.
struct DeviceRange {
  mm::Range range;
  uint16_t device = 0;       // handle of a type 17 structure
  bool interleaved = false;  // it answers some of them only, or that is not known
};
[[nodiscard]] std::optional<DeviceRange> device_range(const SmbiosStructure& structure);

}  // namespace loader

// The ACPI tables of this machine, found and checked (ACPI 6.5 section 5.2).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "loader/acpi/root.h"
#include "loader/handoff/handoff.h"
#include "mm/direct_map.h"
#include "mm/print.h"
#include "mm/result.h"

namespace loader {

// Little-endian fields at any offset of a table's bytes. The caller has checked the bounds.
template <class T>
[[nodiscard]] T field(std::span<const uint8_t> bytes, size_t offset) {
  T value{};
  __builtin_memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// A range of registers, ACPI 6.5 section 5.2.3.2 (Generic Address Structure, 12 bytes).
struct GenericAddress {
  enum Space : uint8_t { kMemory = 0, kIo = 1 };
  uint8_t space = 0;
  uint8_t bits = 0;
  uint64_t address = 0;  // 0: there is none
};
[[nodiscard]] GenericAddress generic_address(std::span<const uint8_t> bytes, size_t offset);

class AcpiTables {
 public:
  static constexpr size_t kMaxTables = kMaxAcpiTables;

  // Lists what the RSDP leads to. Without an RSDP there are no tables, which is no error.
  mm::Result<> find(uint64_t rsdp, const AcpiWalk& walk, const mm::DirectMap& map);

  [[nodiscard]] std::span<const AcpiTable> list() const { return {tables_.data(), count_}; }
  [[nodiscard]] const AcpiRoot& root() const { return root_; }
  // All bytes of the first table of this signature, header included; empty when there is none or
  // its checksum is wrong (which print() has told).
  [[nodiscard]] std::span<const uint8_t> table(std::string_view signature) const;

  // Linux's lines: `ACPI: SRAT 0x000000007F775000 000110 (v01 BOCHS  BXPC     00000001 BXPC
  // 00000001)`.
  void print(const mm::Printer& out) const;

 private:
  std::array<AcpiTable, kMaxTables> tables_{};
  size_t count_ = 0;
  AcpiRoot root_;
  mm::DirectMap map_;
};

}  // namespace loader

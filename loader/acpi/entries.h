// The list of entries behind the fixed part of SRAT and MADT: each begins {u8 type, u8 length}.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "mm/result.h"

namespace loader {

struct AcpiEntry {
  uint8_t type = 0;
  std::span<const uint8_t> bytes;  // type and length included
};

class AcpiEntries {
 public:
  // `table` begins with the ACPI header; entries start at `first`.
  AcpiEntries(std::span<const uint8_t> table, size_t first) : table_(table), at_(first) {}

  // The next entry; none at the end, or when the entry there is shorter than its own two bytes or
  // reaches beyond the table, which fault() tells.
  std::optional<AcpiEntry> next() {
    if (at_ >= table_.size()) return std::nullopt;
    const size_t left = table_.size() - at_;
    const size_t length = left >= 2 ? table_[at_ + 1] : 0;
    if (length < 2 || length > left) {
      fault_ = mm::Error{"entry of bad length (offset {}, length {})", nullptr, at_, length};
      return std::nullopt;
    }
    const AcpiEntry entry{table_[at_], table_.subspan(at_, length)};
    at_ += length;
    return entry;
  }
  [[nodiscard]] mm::Result<> fault() const { return fault_; }

 private:
  std::span<const uint8_t> table_;
  size_t at_;
  mm::Result<> fault_;
};

}  // namespace loader

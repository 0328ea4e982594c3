// The firmware's final memory map, kept so that any address can be explained (UEFI 2.10
// section 7.2).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "mm/types.h"

namespace kernel {

struct FirmwareRange {
  uint32_t type = 0;
  mm::Range range;
  uint64_t attributes = 0;
};

// Linux's word for an EFI memory type ("Conventional", "Boot Data"); null for unknown numbers.
[[nodiscard]] const char* efi_memory_type_name(uint32_t type);

class FirmwareMap {
 public:
  FirmwareMap() = default;
  // Descriptors of `stride` bytes each, of which the first 40 are read. The bytes outlive it.
  FirmwareMap(std::span<const uint8_t> bytes, size_t stride) : bytes_(bytes), stride_(stride) {}

  [[nodiscard]] size_t size() const { return stride_ < 40 ? 0 : bytes_.size() / stride_; }
  [[nodiscard]] FirmwareRange operator[](size_t index) const;
  // The first descriptor that holds the address.
  [[nodiscard]] std::optional<FirmwareRange> find(mm::Phys address) const;

 private:
  std::span<const uint8_t> bytes_;
  size_t stride_ = 0;
};

}  // namespace kernel

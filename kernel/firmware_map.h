// The firmware's final memory map, kept so that any address can be explained (UEFI 2.10
// section 7.2).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "loader/handoff/efi_memory_type.h"
#include "mm/firmware_ram.h"
#include "mm/print.h"
#include "mm/types.h"

namespace kernel {

struct FirmwareRange {
  loader::EfiMemoryType type{};
  mm::Range range;
  uint64_t attributes = 0;

  // UEFI 2.10 section 7.2.6, "Memory Type Usage after ExitBootServices": loader, boot services and
  // conventional memory are the operating system's, unless they are for a special purpose
  // (EFI_MEMORY_SP).
  [[nodiscard]] bool is_ram() const {
    using enum loader::EfiMemoryType;
    return ((type >= LoaderCode && type <= BootServicesData) || type == Conventional) &&
           (attributes & loader::kEfiMemorySpecificPurpose) == 0;
  }
  // Two copies are kept, say, on several DIMMs.
  [[nodiscard]] bool mirrored() const { return (attributes & loader::kEfiMemoryMoreReliable) != 0; }
};

class FirmwareMap {
 public:
  FirmwareMap() = default;
  // Descriptors of `stride` bytes each, of which the first 40 are read. The bytes outlive it.
  FirmwareMap(std::span<const uint8_t> bytes, size_t stride) : bytes_(bytes), stride_(stride) {}

  [[nodiscard]] size_t size() const { return stride_ < 40 ? 0 : bytes_.size() / stride_; }
  [[nodiscard]] FirmwareRange operator[](size_t index) const;
  // The first descriptor that holds the address.
  [[nodiscard]] std::optional<FirmwareRange> find(mm::Phys address) const;

  // What it says of RAM, for the ledger. The map outlives it.
  [[nodiscard]] mm::FirmwareClaims claims() const;

  // efi_find_mirror: how many of its ranges are mirrored; Linux's line about them.
  [[nodiscard]] size_t count_mirrored() const;
  void print_mirrored(const mm::Printer& out) const;
  // The first mirrored ranges, as many as there is room for.
  void copy_mirrored(std::span<mm::Range> to) const;

 private:
  [[nodiscard]] mm::FirmwareClaim claim(size_t index) const;

  std::span<const uint8_t> bytes_;
  size_t stride_ = 0;
};

}  // namespace kernel

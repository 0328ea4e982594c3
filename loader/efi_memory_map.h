// The firmware's memory map, and what it means as e820 (UEFI 2.10 section 7.2, GetMemoryMap).
//
// The map is bytes with a stride that the firmware chooses; it may be larger than the descriptor we
// know and is never taken for sizeof. Order, overlaps and counts are the firmware's affair: any are
// handled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "loader/handoff/efi_memory_type.h"
#include "mm/e820.h"
#include "mm/print.h"
#include "mm/result.h"

namespace loader {

// EFI_MEMORY_DESCRIPTOR, version 1.
struct EfiDescriptor {
  EfiMemoryType type;
  uint32_t zero;
  uint64_t physical_start;
  uint64_t virtual_start;
  uint64_t pages;
  uint64_t attributes;
};
static_assert(sizeof(EfiDescriptor) == 40);

// A view of the map; does not own it.
class EfiMemoryMap {
 public:
  EfiMemoryMap() = default;
  EfiMemoryMap(std::span<const std::byte> bytes, size_t stride) : bytes_(bytes), stride_(stride) {}

  [[nodiscard]] size_t count() const { return stride_ == 0 ? 0 : bytes_.size() / stride_; }
  [[nodiscard]] EfiDescriptor at(size_t index) const;
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  [[nodiscard]] size_t stride() const { return stride_; }
  // Stride at least a descriptor's 40 bytes, size a multiple of the stride, at least one
  // descriptor.
  [[nodiscard]] mm::Result<> check() const;

 private:
  std::span<const std::byte> bytes_;
  size_t stride_ = 0;
};

// Linux's table of types (drivers/firmware/efi/libstub/x86-stub.c, setup_e820), with two
// differences: unknown types are reserved where Linux drops them, and Unaccepted keeps a type of
// its own.
[[nodiscard]] mm::E820Type e820_type(const EfiDescriptor& descriptor);

// The bytes a descriptor covers. Fails when it has no pages, or when it wraps or ends above the
// 52-bit physical address space.
mm::Result<mm::Range> range_of(const EfiDescriptor& descriptor);

// Adds every descriptor to the table. One that cannot be right is named in `findings` and handled
// by itself: without pages, skipped; wrapping or too high, skipped when it claims usable memory and
// kept up to the end of the address space otherwise, so that doubt never makes memory usable.
// Fails only when the map's form is wrong or the table is full.
mm::Result<> add_to_e820(const EfiMemoryMap& map, mm::E820Table& table,
                         const mm::Printer& findings);

// The lowest address that a descriptor of the map, if it is right, gives as memory, whoever has it;
// 0 when none does.
[[nodiscard]] mm::Phys first_ram(const EfiMemoryMap& map);

}  // namespace loader

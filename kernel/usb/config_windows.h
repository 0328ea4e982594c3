// The windows through which memory leads to PCI configuration space (ECAM: PCI Express 5.0, section
// 7.2.2), as ACPI's MCFG (PCI Firmware 3.3, section 4.1.2) or a device tree names them. Pure.
#pragma once

#include <cstdint>
#include <span>

#include "loader/fdt/fdt.h"
#include "mm/result.h"
#include "mm/types.h"

namespace kernel::usb {

struct ConfigWindow {
  mm::Phys base{};  // where bus 0 of the segment would be
  uint16_t segment = 0;
  uint8_t first_bus = 0, last_bus = 0;

  [[nodiscard]] mm::Range bus(unsigned number) const {
    return {base + (uint64_t{number} << 20), base + (uint64_t{number + 1} << 20)};
  }
};
// Of a place as ConfigSpace has it, within its bus's range.
constexpr uint32_t window_offset(uint32_t at) { return (at >> 8 & 0xff) << 12 | (at & 0xff); }

// How many there are, which may be more than fit; those that make no sense are left out.
size_t windows_of_mcfg(std::span<const uint8_t> mcfg, std::span<ConfigWindow> out);
// Of pci-host-ecam-generic (Linux's host-generic-pci.yaml), the first; its devices must see what
// CPUs have in their caches ("dma-coherent").
mm::Result<size_t> windows_of_tree(const loader::Fdt& tree, std::span<ConfigWindow> out);

}  // namespace kernel::usb

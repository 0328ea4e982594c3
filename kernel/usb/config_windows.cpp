#include "kernel/usb/config_windows.h"

#include "loader/acpi/tables.h"

namespace kernel::usb {
namespace {

constexpr size_t kFirst = 44, kEntry = 16;

bool makes_sense(const ConfigWindow& window) {
  return window.first_bus <= window.last_bus && window.base.v % (uint64_t{1} << 20) == 0 &&
         window.base.v < mm::kMaxPhys;
}

}  // namespace

size_t windows_of_mcfg(std::span<const uint8_t> mcfg, std::span<ConfigWindow> out) {
  size_t count = 0;
  for (size_t at = kFirst; at + kEntry <= mcfg.size(); at += kEntry) {
    const ConfigWindow window{mm::Phys{loader::field<uint64_t>(mcfg, at)},
                              loader::field<uint16_t>(mcfg, at + 8), mcfg[at + 10], mcfg[at + 11]};
    if (!makes_sense(window)) continue;
    if (count < out.size()) out[count] = window;
    ++count;
  }
  return count;
}

mm::Result<size_t> windows_of_tree(const loader::Fdt& tree, std::span<ConfigWindow> out) {
  const auto node = tree.compatible("pci-host-ecam-generic");
  if (!node) return size_t{0};
  if (!tree.property(*node, "dma-coherent")) {
    return mm::Error{"its devices do not see the CPUs' caches (no dma-coherent)", node->called()};
  }
  const auto above = tree.parent(*node);
  if (!above) return size_t{0};
  const mm::Range range = BATON_TRY(tree.region(*above, *node, 0));
  ConfigWindow window{range.start, 0, 0, static_cast<uint8_t>((range.size() >> 20) - 1)};
  if (const auto buses = tree.property(*node, "bus-range")) {
    if (BATON_TRY(buses->cells()) != 2 || buses->cell(0) > 255 || buses->cell(1) > 255) {
      return mm::Error{"bus-range is no range of buses", node->called()};
    }
    window.first_bus = static_cast<uint8_t>(buses->cell(0));
    window.last_bus = static_cast<uint8_t>(buses->cell(1));
    window.base = range.start - (uint64_t{window.first_bus} << 20);
  }
  const uint64_t buses = uint64_t{window.last_bus} - window.first_bus + 1;
  if (!makes_sense(window) || range.size() >> 20 < buses) {
    return mm::Error{"its window is too short for its buses (bytes {})", node->called(),
                     range.size()};
  }
  if (!out.empty()) out[0] = window;
  return size_t{1};
}

}  // namespace kernel::usb

#include "kernel/bsa/qemu.h"

#include <array>
#include <string_view>

#include "kernel/arch.h"
#include "loader/fdt/fdt.h"

extern "C" uint32_t ask_host(uintptr_t operation, const void* parameters);

namespace kernel::bsa {
namespace {

// ACPI 6.5 section 5.2.6: a table's header. QEMU's tables are those that Bochs had.
constexpr uint64_t kOemId = 10;
constexpr std::string_view kQemu = "BOCHS ";
// Semihosting for AArch32 and AArch64, sections 6.4 and 6.5.
constexpr uintptr_t kExit = 0x20, kApplicationExit = 0x20026;

constinit bool is_qemu = false;

}  // namespace

void look_for_qemu(const loader::Handoff& handoff) {
  const mm::DirectMap map(static_cast<uintptr_t>(handoff.direct_map));
  const auto mapped = [&](uint64_t address, uint64_t size) {
    return arch::is_mapped(map.at<const void>(mm::Phys{0}),
                           {mm::Phys{address}, mm::Phys{address + size}});
  };
  // A device tree names the device by which it configures its firmware.
  const auto& bytes = handoff.device_tree;
  if (handoff.firmware.rsdp == 0 && bytes.count != 0 && mapped(bytes.address, bytes.count)) {
    const auto tree =
        loader::Fdt::open({map.at<const uint8_t>(mm::Phys{bytes.address}), bytes.count});
    is_qemu = tree.ok() && tree.value().compatible("qemu,fw-cfg-mmio").has_value();
  }
  const auto& list = handoff.acpi_tables;
  if (list.count == 0 || !mapped(list.address, list.count * sizeof(loader::HandoffTable))) return;
  const auto* const tables = map.at<const loader::HandoffTable>(mm::Phys{list.address});
  for (uint32_t i = 0; i < list.count; ++i) {
    if (std::string_view(tables[i].signature, 4) != "FACP") continue;
    const uint64_t oem = tables[i].address + kOemId;
    if (!mapped(oem, kQemu.size())) continue;
    is_qemu = std::string_view(map.at<const char>(mm::Phys{oem}), kQemu.size()) == kQemu;
  }
}

void qemu_exit(uint8_t status) {
  if (!is_qemu) return;
  const std::array<uintptr_t, 2> parameters{kApplicationExit, status};
  (void)ask_host(kExit, parameters.data());
}

}  // namespace kernel::bsa

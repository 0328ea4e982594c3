#include "kernel/memory_module.h"

#include "loader/acpi/smbios.h"

namespace kernel {

std::string_view module_of(const TableFacts& facts, mm::Phys address) {
  const auto table =
      loader::smbios_table(facts.map, facts.smbios, facts.smbios_version,
                           [&](uint64_t at, uint64_t size) { return facts.can_read(at, size); });
  loader::SmbiosStructures ranges(table);
  while (const auto range = ranges.next()) {
    const auto answers = loader::device_range(*range);
    if (!answers || !answers->range.contains(address)) continue;
    loader::SmbiosStructures devices(table);
    while (const auto device = devices.next()) {
      if (device->handle != answers->device) continue;
      if (const auto module = loader::memory_device(*device)) return module->locator;
    }
  }
  return {};
}

}  // namespace kernel

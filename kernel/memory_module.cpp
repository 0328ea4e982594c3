#include "kernel/memory_module.h"

#include "loader/acpi/smbios.h"

namespace kernel {

std::string_view module_of(const TableFacts& facts, mm::Phys address) {
  constexpr size_t kEntry[] = {31, 24};
  const size_t size = kEntry[facts.smbios_version == 3 ? 1 : 0];
  if (!facts.can_read(facts.smbios, size)) return {};
  const auto entry =
      loader::smbios_entry({facts.map.at<const uint8_t>(mm::Phys{facts.smbios}), size});
  if (!entry || !facts.can_read(entry->table, entry->size)) return {};
  const auto table = facts.map.span<const uint8_t>(mm::Phys{entry->table}, entry->size);
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

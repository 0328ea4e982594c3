#include "loader/acpi/gic.h"

#include "loader/acpi/madt.h"
#include "loader/acpi/tables.h"

namespace loader {
namespace {

mm::Range range_at(uint64_t address, uint64_t size) {
  if (address == 0 || address > mm::kMaxPhys || size > mm::kMaxPhys - address) return {};
  return {mm::Phys{address}, mm::Phys{address + size}};
}

}  // namespace

Gic gic_of_madt(std::span<const uint8_t> madt, uint32_t own_id, std::span<mm::Range> storage) {
  Gic gic;
  size_t count = 0;
  const auto add = [&](mm::Range range) {
    if (range.empty()) return;
    if (count == storage.size()) {
      ++gic.left_out;
      return;
    }
    storage[count++] = range;
  };
  MadtEntries entries(madt);
  while (const auto entry = entries.next()) {
    switch (entry->kind) {
      case MadtEntry::Kind::Distributor:
        gic.distributor = range_at(entry->address, entry->size);
        if (entry->gic_version != 0) gic.version = entry->gic_version >= 3 ? 3 : 2;
        break;
      case MadtEntry::Kind::Redistributors:
        add(range_at(entry->address, entry->size));
        break;
      case MadtEntry::Kind::Cpu:
        if (!entry->cpu.gic) break;
        if (entry->cpu.apic_id == own_id) gic.interface = range_at(entry->address, entry->size);
        add(range_at(entry->redistributor, kRedistributorSize));
        break;
      default:
        break;
    }
  }
  gic.redistributors = storage.first(count);
  return gic;
}

uint32_t timer_of_gtdt(std::span<const uint8_t> gtdt) {
  constexpr size_t kVirtualTimer = 64;
  return gtdt.size() < kVirtualTimer + 4 ? 0 : field<uint32_t>(gtdt, kVirtualTimer);
}

}  // namespace loader

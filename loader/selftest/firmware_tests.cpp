#include "loader/selftest/firmware_tests.h"

namespace loader {

Verdict run_firmware_test(const SelfTest& row, FirmwareBench& bench) {
  for (const auto tests :
       {map_tests(), allocation_tests(), attribute_table_tests(), table_tests(), service_tests()}) {
    for (const FirmwareTest& test : tests) {
      if (test.row == &row) return test.check(bench);
    }
  }
  return Verdict::fail("no code for this test was built");
}

uint64_t MapSnapshot::pages(EfiMemoryType type) const {
  uint64_t pages = 0;
  for (size_t i = 0; i < map.count(); ++i) {
    if (const EfiDescriptor d = map.at(i); d.type == type) pages += d.pages;
  }
  return pages;
}

uint64_t MapSnapshot::pages() const {
  uint64_t pages = 0;
  for (size_t i = 0; i < map.count(); ++i) pages += map.at(i).pages;
  return pages;
}

std::optional<EfiDescriptor> MapSnapshot::find(uint64_t address) const {
  for (size_t i = 0; i < map.count(); ++i) {
    const EfiDescriptor d = map.at(i);
    if (address >= d.physical_start && (address - d.physical_start) >> mm::kPageShift < d.pages) {
      return d;
    }
  }
  return std::nullopt;
}

bool MapSnapshot::describes(mm::Range range) const {
  while (!range.empty()) {
    const auto d = find(range.start.v);
    if (!d) return false;
    range.start = mm::Phys{d->physical_start + d->pages * mm::kPageSize};
  }
  return true;
}

Verdict take_map(FirmwareBench& bench, std::span<std::byte> buffer, MapSnapshot& map) {
  MapCall call;
  call.size = buffer.size();
  const EfiStatus status = bench.firmware.get_memory_map(buffer.data(), call);
  if (status != kEfiSuccess) {
    return Verdict::fail("GetMemoryMap gives status {:#x} for a buffer of {} bytes, wants {}",
                         status, buffer.size(), call.size);
  }
  if (call.size > buffer.size()) {
    return Verdict::fail("GetMemoryMap says it wrote {} bytes into a buffer of {}", call.size,
                         buffer.size());
  }
  map.map =
      EfiMemoryMap(buffer.first(static_cast<size_t>(call.size)), static_cast<size_t>(call.stride));
  map.key = call.key;
  map.version = call.version;
  if (!map.map.check().ok()) {
    return Verdict::fail("the map has {} bytes and a stride of {}", call.size, call.stride);
  }
  return Verdict::pass();
}

std::span<const ConfigurationTable> configuration_tables(const FirmwareFacts& facts) {
  const auto& system = *facts.reach.at<const SystemTable>(mm::Phys{facts.system_table});
  if (system.tables == 0) return {};
  return {facts.reach.at<const ConfigurationTable>(mm::Phys{system.tables}),
          static_cast<size_t>(system.table_count)};
}

std::optional<uint64_t> configuration_table(const FirmwareFacts& facts, const EfiGuid& guid) {
  for (const ConfigurationTable& table : configuration_tables(facts)) {
    if (table.guid == guid) return table.address;
  }
  return std::nullopt;
}

}  // namespace loader

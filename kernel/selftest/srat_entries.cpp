#include "kernel/selftest/srat_entries.h"

#include "kernel/selftest/table_entries.h"
#include "loader/acpi/tables.h"

namespace kernel {

size_t srat_length(uint8_t type) {
  constexpr uint8_t kLengths[] = {16, 40, 24, 18, 12, 32, 32};
  return type < std::size(kLengths) ? kLengths[type] : 0;
}

bool whole(const loader::AcpiEntry& entry) {
  return srat_length(entry.type) != 0 && entry.bytes.size() >= srat_length(entry.type);
}

std::optional<Memory> srat_memory(const loader::AcpiEntry& entry) {
  if (entry.type != kMemory || !whole(entry)) return {};
  const auto flags = loader::field<uint32_t>(entry.bytes, 28);
  const auto start = loader::field<uint64_t>(entry.bytes, 8);
  const auto size = loader::field<uint64_t>(entry.bytes, 16);
  if ((flags & kEntryEnabled) == 0 || size == 0) return {};
  return Memory{loader::field<uint32_t>(entry.bytes, 2),
                {mm::Phys{start}, mm::Phys{start + size}},
                (flags & 2) != 0,
                (flags & 4) != 0};
}

std::optional<CpuNode> srat_cpu(const loader::AcpiEntry& entry) {
  if (!whole(entry)) return {};
  const std::span<const uint8_t> b = entry.bytes;
  if (entry.type == kCpu && (b[4] & kEntryEnabled) != 0) {
    return CpuNode{b[3],
                   b[2] | uint32_t{b[9]} << 8 | uint32_t{b[10]} << 16 | uint32_t{b[11]} << 24};
  }
  if (entry.type == kX2apic && (b[12] & kEntryEnabled) != 0) {
    return CpuNode{loader::field<uint32_t>(b, 8), loader::field<uint32_t>(b, 4)};
  }
  return {};
}

}  // namespace kernel

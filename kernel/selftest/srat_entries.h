// The SRAT's entries as the tests see them: one by one, and only those that are whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "loader/acpi/entries.h"
#include "loader/handoff/self_test.h"
#include "mm/types.h"

namespace kernel {

inline constexpr size_t kSratFirst = 48;
enum SratType : uint8_t { kCpu = 0, kMemory = 1, kX2apic = 2, kGicc = 3, kIts = 4, kInitiator = 5 };

[[nodiscard]] size_t srat_length(uint8_t type);
[[nodiscard]] bool whole(const loader::AcpiEntry& entry);

struct Memory {
  uint32_t domain = 0;
  mm::Range range;
  bool hotplug = false, nonvolatile = false;
};
// Enabled memory with a size.
[[nodiscard]] std::optional<Memory> srat_memory(const loader::AcpiEntry& entry);

struct CpuNode {
  uint32_t apic_id = 0, domain = 0;
};
[[nodiscard]] std::optional<CpuNode> srat_cpu(const loader::AcpiEntry& entry);

// Call visit() for each until that fails.
template <class Visit>
loader::Verdict each_memory(std::span<const uint8_t> srat, Visit visit) {
  loader::AcpiEntries entries(srat, kSratFirst);
  while (const auto entry = entries.next()) {
    const auto memory = srat_memory(*entry);
    if (!memory) continue;
    if (const loader::Verdict v = visit(*memory); v.failed()) return v;
  }
  return loader::Verdict::pass();
}
template <class Visit>
loader::Verdict each_cpu_node(std::span<const uint8_t> srat, Visit visit) {
  loader::AcpiEntries entries(srat, kSratFirst);
  while (const auto entry = entries.next()) {
    const auto cpu = srat_cpu(*entry);
    if (!cpu) continue;
    if (const loader::Verdict v = visit(*cpu); v.failed()) return v;
  }
  return loader::Verdict::pass();
}

}  // namespace kernel

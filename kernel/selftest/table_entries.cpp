#include "kernel/selftest/table_entries.h"

#include "loader/acpi/entries.h"

namespace kernel {

using loader::Verdict;

Verdict check_entries(std::span<const uint8_t> table, size_t first, size_t (*length)(uint8_t)) {
  if (table.size() < first) {
    return Verdict::fail("{} bytes, shorter than its header", table.size());
  }
  loader::AcpiEntries entries(table, first);
  size_t at = first;
  while (const auto entry = entries.next()) {
    const size_t wanted = length(entry->type);
    if (wanted != 0 && entry->bytes.size() != wanted) {
      return Verdict::fail("entry of type {} at offset {} has {} bytes, should have {}",
                           entry->type, at, entry->bytes.size(), wanted);
    }
    at += entry->bytes.size();
  }
  if (!entries.fault().ok()) {
    return Verdict::fail("the entry at offset {} has a length of {}", entries.fault().error().a,
                         entries.fault().error().b);
  }
  return Verdict::pass();
}

}  // namespace kernel

// A firmware's map of any content, and whatever mem= and memmap= say about it: no byte may be lost
// or made up between the descriptors and e820, and the table stays sorted and disjoint.
//
// The input is the stride (a byte), how many bytes of map follow (two bytes), those, and the text
// of options.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "loader/efi_memory_map.h"
#include "mm/e820.h"
#include "mm/e820_options.h"
#include "mm/print.h"
#include "mm/x86_64/e820_trim.h"
#include "tests/fuzz/target.h"

namespace {

using fuzz::check;

void check_table(const mm::E820Table& table) {
  mm::Phys end{0};
  for (const mm::E820Entry& entry : table.entries()) {
    check(!entry.range.empty());
    check(entry.range.start >= end);
    end = entry.range.end;
  }
}

// What of the address space a descriptor speaks for; nothing where it is skipped.
mm::Range taken(const loader::EfiDescriptor& descriptor) {
  if (const auto range = loader::range_of(descriptor); range.ok()) return range.value();
  const mm::Range rest{mm::Phys{descriptor.physical_start}, mm::Phys{mm::kMaxPhys}};
  const bool usable = loader::e820_type(descriptor) == mm::E820Type::Ram;
  return descriptor.pages == 0 || usable || rest.start >= rest.end ? mm::Range{} : rest;
}

bool described(const loader::EfiMemoryMap& map, mm::Phys byte) {
  for (size_t i = 0; i < map.count(); ++i) {
    if (taken(map.at(i)).contains(byte)) return true;
  }
  return false;
}

void compare(const loader::EfiMemoryMap& map, const mm::E820Table& table) {
  for (const mm::E820Entry& entry : table.entries()) {
    check(described(map, entry.range.start));
    check(described(map, entry.range.end - 1));
  }
  for (size_t i = 0; i < map.count(); ++i) {
    const mm::Range range = taken(map.at(i));
    if (range.empty()) continue;
    check(table.find(range.start) != nullptr);
    check(table.find(range.end - 1) != nullptr);
  }
}

}  // namespace

FUZZ_TARGET(e820) {
  if (size < 3) return;
  const size_t stride = data[0];
  const size_t bytes = std::min<size_t>(data[1] | data[2] << 8, size - 3);
  const std::vector<uint8_t> copy(data + 3, data + 3 + bytes);
  const std::string_view options(reinterpret_cast<const char*>(data) + 3 + bytes, size - 3 - bytes);
  const mm::Printer quiet;
  const loader::EfiMemoryMap map(std::as_bytes(std::span(copy)), stride);
  if (!map.check().ok()) return;
  std::vector<mm::E820Entry> room(mm::E820Table::capacity_for(map.count() + 32));
  mm::E820Table table(room);
  if (!loader::add_to_e820(map, table, quiet).ok()) return;
  check_table(table);
  compare(map, table);

  mm::E820Changes changes;
  const size_t half = options.find(' ');
  (void)mm::apply_mem(options.substr(0, half), table, changes, quiet);
  if (half != std::string_view::npos) {
    (void)mm::apply_memmap(options.substr(half + 1), table, changes, quiet);
  }
  check_table(table);
  (void)mm::trim_bios_range(table, mm::max_arch_pfn(4), quiet);
  check_table(table);
}

// SMBIOS of any content: structures lie in the table one behind the other, their strings in themselves, and
// ranges are ranges.
//
// The input is an entry point's 31 bytes, and the table.
#include "loader/acpi/smbios.h"

#include "tests/fuzz/target.h"

namespace {

using fuzz::Bytes;
using fuzz::check;

bool lies_in(std::span<const uint8_t> part, std::span<const uint8_t> whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

void check_text(std::string_view text, std::span<const uint8_t> table) {
  if (text.empty()) return;
  check(lies_in({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, table));
  check(text.find('\0') == std::string_view::npos);
}

void check_structure(const loader::SmbiosStructure& structure, std::span<const uint8_t> table) {
  check(structure.bytes.size() >= 4 && lies_in(structure.bytes, table) &&
        lies_in(structure.strings, table));
  check(structure.string(0).empty());
  for (unsigned i = 1; i < 256; ++i) check_text(structure.string(i), table);
  if (const auto array = loader::memory_array(structure)) check(structure.type == 16);
  if (const auto device = loader::memory_device(structure)) {
    check(structure.type == 17);
    check_text(device->locator, table);
    check_text(device->bank, table);
    check(device->installed || device->size == 0);
  }
  if (const auto range = loader::mapped_range(structure)) {
    check(structure.type == 19);
  }
  if (const auto range = loader::device_range(structure)) {
    check(structure.type == 20);
  }
}

}  // namespace

FUZZ_TARGET(smbios) {
  fuzz::Input input(data, size);
  const Bytes entry = input.bytes(31);
  (void)loader::smbios_entry(entry);
  const Bytes table = input.rest();
  loader::SmbiosStructures structures(table);
  size_t end = 0;
  while (const auto structure = structures.next()) {
    check_structure(*structure, table);
    const auto start = static_cast<size_t>(structure->bytes.data() - table.data());
    check(start == end && structures.offset() > start && structures.offset() <= table.size());
    end = structures.offset();
  }
  check(!structures.next());
  const std::string told = fuzz::printed_by([&](const mm::Printer& out) {
    loader::print_machine_name(loader::machine_name(loader::SmbiosStructures(table)), out);
  });
  check(std::count(told.begin(), told.end(), '\n') <= 1);
}

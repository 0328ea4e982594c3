#include "loader/acpi/smbios.h"

#include "loader/acpi/tables.h"

namespace loader {
namespace {

constexpr uint8_t kBios = 0, kSystem = 1, kBoard = 2, kMemoryArray = 16, kMemoryDevice = 17,
                  kMappedAddress = 19, kDeviceMapped = 20, kEnd = 127;
constexpr size_t kHeader = 4;

bool starts_with(std::span<const uint8_t> bytes, std::string_view text) {
  if (bytes.size() < text.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (bytes[i] != static_cast<uint8_t>(text[i])) return false;
  }
  return true;
}

// Start and inclusive end in KiB at 4 and 8; when the start is all ones, in bytes at `extended`.
std::optional<mm::Range> addresses(std::span<const uint8_t> b, size_t extended) {
  if (b.size() < 12) return {};
  const auto start = field<uint32_t>(b, 4);
  const auto end = field<uint32_t>(b, 8);
  if (start != 0xffff'ffff) {
    return mm::Range{mm::Phys{uint64_t{start} * mm::kKiB},
                     mm::Phys{(uint64_t{end} + 1) * mm::kKiB}};
  }
  if (b.size() < extended + 16) return {};
  return mm::Range{mm::Phys{field<uint64_t>(b, extended)},
                   mm::Phys{field<uint64_t>(b, extended + 8) + 1}};
}

}  // namespace

std::string_view SmbiosStructure::string(unsigned number) const {
  size_t at = 0;
  for (unsigned i = 1; at < strings.size(); ++i) {
    size_t end = at;
    while (end < strings.size() && strings[end] != 0) ++end;
    if (i == number) return {reinterpret_cast<const char*>(strings.data()) + at, end - at};
    at = end + 1;
  }
  return {};
}

std::optional<SmbiosStructure> SmbiosStructures::next() {
  if (ended_ || table_.size() - at_ < kHeader) return {};
  SmbiosStructure structure;
  structure.type = table_[at_];
  const size_t length = table_[at_ + 1];
  structure.handle = field<uint16_t>(table_, at_ + 2);
  if (length < kHeader || length > table_.size() - at_) return {};
  // The strings end with two NULs; without strings the two stand alone.
  size_t end = at_ + length;
  while (end + 1 < table_.size() && (table_[end] != 0 || table_[end + 1] != 0)) ++end;
  if (end + 1 >= table_.size()) return {};
  structure.bytes = table_.subspan(at_, length);
  structure.strings = table_.subspan(at_ + length, end - (at_ + length));
  at_ = end + 2;
  ended_ = structure.type == kEnd;
  return structure;
}

std::optional<SmbiosEntry> smbios_entry(std::span<const uint8_t> entry) {
  if (starts_with(entry, "_SM3_")) {
    constexpr size_t kLength = 24;
    if (entry.size() < kLength || entry[6] < kLength || entry[6] > entry.size() ||
        acpi_checksum(entry.data(), entry[6]) != 0) {
      return {};
    }
    return SmbiosEntry{field<uint64_t>(entry, 16), field<uint32_t>(entry, 12)};
  }
  if (starts_with(entry, "_SM_")) {
    constexpr size_t kLength = 31;  // which SMBIOS 2.1 called 30
    if (entry.size() < kLength || entry[5] + 1U < kLength || entry[5] > entry.size() ||
        acpi_checksum(entry.data(), entry[5]) != 0) {
      return {};
    }
    return SmbiosEntry{field<uint32_t>(entry, 24), field<uint16_t>(entry, 22)};
  }
  return {};
}

MachineName machine_name(SmbiosStructures structures) {
  MachineName name;
  // The first of each type that names it; the fields of these are numbers of strings, one byte each.
  const auto take = [](std::string_view& to, const SmbiosStructure& from, size_t at) {
    if (to.empty() && at < from.bytes.size()) to = from.string(from.bytes[at]);
  };
  while (const auto structure = structures.next()) {
    if (structure->type == kBios) {
      take(name.bios_version, *structure, 5);
      take(name.bios_date, *structure, 8);
    } else if (structure->type == kSystem) {
      take(name.vendor, *structure, 4);
      take(name.product, *structure, 5);
    } else if (structure->type == kBoard) {
      take(name.board, *structure, 5);
    }
  }
  return name;
}

void print_machine_name(const MachineName& name, const mm::Printer& out) {
  if (name.vendor.empty() && name.product.empty() && name.bios_version.empty()) return;
  const auto part = [&](std::string_view before, std::string_view text) {
    out.text(before);
    for (const char c : text) {
      const bool shown = c >= ' ' && c <= '~';
      out.text(shown ? std::string_view(&c, 1) : "?");
    }
  };
  part("DMI: ", name.vendor);
  part(" ", name.product);
  if (!name.board.empty()) part("/", name.board);
  part(", BIOS ", name.bios_version);
  part(" ", name.bios_date);
  out.text("\n");
}

std::optional<MemoryArray> memory_array(const SmbiosStructure& structure) {
  const auto b = structure.bytes;
  constexpr uint8_t kSystemMemory = 3;
  constexpr uint32_t kExtended = 0x8000'0000;
  if (structure.type != kMemoryArray || b.size() < 15 || b[5] != kSystemMemory) return {};
  MemoryArray array{field<uint32_t>(b, 7) * mm::kKiB, field<uint16_t>(b, 13)};
  if (field<uint32_t>(b, 7) == kExtended) {
    array.capacity = b.size() < 23 ? 0 : field<uint64_t>(b, 15);
  }
  return array;
}

std::optional<MemoryDevice> memory_device(const SmbiosStructure& structure) {
  const auto b = structure.bytes;
  if (structure.type != kMemoryDevice || b.size() < 21) return {};
  constexpr uint16_t kUnknown = 0xffff, kExtended = 0x7fff, kInKiB = 0x8000;
  const auto size = field<uint16_t>(b, 12);
  MemoryDevice device;
  device.array = field<uint16_t>(b, 4);
  device.installed = size != 0;
  if (size == kExtended) {
    if (b.size() >= 32) device.size = (field<uint32_t>(b, 28) & 0x7fff'ffff) * mm::kMiB;
  } else if (size != kUnknown) {
    device.size = (size & 0x7fff) * ((size & kInKiB) != 0 ? mm::kKiB : mm::kMiB);
  }
  device.locator = structure.string(b[16]);
  device.bank = structure.string(b[17]);
  return device;
}

std::optional<mm::Range> mapped_range(const SmbiosStructure& structure) {
  if (structure.type != kMappedAddress) return {};
  return addresses(structure.bytes, 15);
}

std::optional<uint16_t> mapped_array(const SmbiosStructure& structure) {
  if (structure.type != kMappedAddress || structure.bytes.size() < 14) return {};
  return field<uint16_t>(structure.bytes, 12);
}

std::optional<DeviceRange> device_range(const SmbiosStructure& structure) {
  if (structure.type != kDeviceMapped || structure.bytes.size() < 14) return {};
  const auto range = addresses(structure.bytes, 19);
  if (!range) return {};
  // The position in the interleave: 0 is none, 0xff not known.
  constexpr size_t kPosition = 17;
  const auto b = structure.bytes;
  return DeviceRange{*range, field<uint16_t>(b, 12), b.size() > kPosition && b[kPosition] != 0};
}

}  // namespace loader

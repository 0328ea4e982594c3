#include "loader/efi_memory_map.h"

#include <array>
#include <bit>

namespace loader {

using mm::E820Type;
using mm::Phys;
using mm::Range;

EfiDescriptor EfiMemoryMap::at(size_t index) const {
  // Byte by byte: nothing promises that stride or start are multiples of 8.
  std::array<std::byte, sizeof(EfiDescriptor)> raw{};
  const auto source = bytes_.subspan(index * stride_, sizeof(EfiDescriptor));
  for (size_t i = 0; i < raw.size(); ++i) raw[i] = source[i];
  return std::bit_cast<EfiDescriptor>(raw);
}

mm::Result<> EfiMemoryMap::check() const {
  if (stride_ < sizeof(EfiDescriptor)) {
    return mm::Error{"descriptor size is too small (given {}, least {})", "EFI memory map", stride_,
                     sizeof(EfiDescriptor)};
  }
  if (bytes_.empty() || bytes_.size() % stride_ != 0) {
    return mm::Error{"size is not a multiple of the descriptor size (size {}, descriptor size {})",
                     "EFI memory map", bytes_.size(), stride_};
  }
  return {};
}

E820Type e820_type(const EfiDescriptor& descriptor) {
  switch (descriptor.type) {
    case EfiMemoryType::LoaderCode:
    case EfiMemoryType::LoaderData:
    case EfiMemoryType::BootServicesCode:
    case EfiMemoryType::BootServicesData:
    case EfiMemoryType::Conventional:
      return (descriptor.attributes & kEfiMemorySpecificPurpose) != 0 ? E820Type::SoftReserved
                                                                      : E820Type::Ram;
    case EfiMemoryType::Unusable:
      return E820Type::Unusable;
    case EfiMemoryType::AcpiReclaim:
      return E820Type::Acpi;
    case EfiMemoryType::AcpiNvs:
      return E820Type::Nvs;
    case EfiMemoryType::Persistent:
      return E820Type::Pmem;
    case EfiMemoryType::Unaccepted:
      return E820Type::Unaccepted;
    case EfiMemoryType::Reserved:
    case EfiMemoryType::RuntimeServicesCode:
    case EfiMemoryType::RuntimeServicesData:
    case EfiMemoryType::MemoryMappedIo:
    case EfiMemoryType::MemoryMappedIoPortSpace:
    case EfiMemoryType::PalCode:
      break;
  }
  return E820Type::Reserved;
}

mm::Result<Range> range_of(const EfiDescriptor& descriptor) {
  const uint64_t start = descriptor.physical_start;
  if (descriptor.pages == 0) {
    return mm::Error{"no pages (start {:#x})", "EFI descriptor", start, 0};
  }
  if (start >= mm::kMaxPhys || descriptor.pages > (mm::kMaxPhys - start) / mm::kPageSize) {
    return mm::Error{"ends above the 52-bit physical address space (start {:#x}, pages {})",
                     "EFI descriptor", start, descriptor.pages};
  }
  return Range{Phys{start}, Phys{start + descriptor.pages * mm::kPageSize}};
}

Phys first_ram(const EfiMemoryMap& map) {
  Phys first{mm::kMaxPhys};
  for (size_t i = 0; i < map.count(); ++i) {
    const EfiDescriptor descriptor = map.at(i);
    const auto range = range_of(descriptor);
    const bool runtime = descriptor.type == EfiMemoryType::RuntimeServicesCode ||
                         descriptor.type == EfiMemoryType::RuntimeServicesData;
    const bool memory = runtime || e820_type(descriptor) != E820Type::Reserved;
    if (range.ok() && memory && range.value().start < first) first = range.value().start;
  }
  return first.v == mm::kMaxPhys ? Phys{0} : first;
}

mm::Result<> add_to_e820(const EfiMemoryMap& map, mm::E820Table& table,
                         const mm::Printer& findings) {
  BATON_TRY(map.check());
  mm::E820Batch batch(table);
  for (size_t i = 0; i < map.count(); ++i) {
    const EfiDescriptor descriptor = map.at(i);
    const E820Type type = e820_type(descriptor);
    const auto range = range_of(descriptor);
    if (range.ok()) {
      BATON_TRY(batch.append(range.value(), type));
      continue;
    }
    const Range rest{Phys{descriptor.physical_start}, Phys{mm::kMaxPhys}};
    const bool keep = descriptor.pages != 0 && !rest.empty() && type != E820Type::Ram;
    findings.part("efi: mem{:02}: {} ", i,
                  keep ? "kept to the end of the address space:" : "skipped:");
    findings.error(printed(descriptor.type), range.error());
    if (keep) BATON_TRY(batch.append(rest, type));
  }
  batch.finish();
  return {};
}

}  // namespace loader

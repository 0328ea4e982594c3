#include "kernel/firmware_map.h"

#include <array>

#include "kernel/acpi.h"

namespace kernel {

const char* efi_memory_type_name(uint32_t type) {
  constexpr std::array kNames{"Reserved",  "Loader Code",  "Loader Data",  "Boot Code",
                              "Boot Data", "Runtime Code", "Runtime Data", "Conventional",
                              "Unusable",  "ACPI Reclaim", "ACPI Mem NVS", "MMIO",
                              "MMIO Port", "PAL Code",     "Persistent",   "Unaccepted"};
  return type < kNames.size() ? kNames[type] : nullptr;
}

FirmwareRange FirmwareMap::operator[](size_t index) const {
  const auto d = bytes_.subspan(index * stride_, stride_);
  const mm::Phys start{field<uint64_t>(d, 8)};
  return {field<uint32_t>(d, 0),
          {start, start + field<uint64_t>(d, 24) * mm::kPageSize},
          field<uint64_t>(d, 32)};
}

std::optional<FirmwareRange> FirmwareMap::find(mm::Phys address) const {
  for (size_t i = 0; i < size(); ++i) {
    const FirmwareRange d = (*this)[i];
    if (d.range.contains(address)) return d;
  }
  return std::nullopt;
}

}  // namespace kernel

// EFI_MEMORY_TYPE and attributes (UEFI 2.10 section 7.2): the firmware's map is read on both sides of
// the jump.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace loader {

enum class EfiMemoryType : uint32_t {
  Reserved,
  LoaderCode,
  LoaderData,
  BootServicesCode,
  BootServicesData,
  RuntimeServicesCode,
  RuntimeServicesData,
  Conventional,
  Unusable,
  AcpiReclaim,
  AcpiNvs,
  MemoryMappedIo,
  MemoryMappedIoPortSpace,
  PalCode,
  Persistent,
  Unaccepted,
};

// Attributes of a descriptor.
inline constexpr uint64_t kEfiMemoryMoreReliable = 0x10000;     // EFI_MEMORY_MORE_RELIABLE
inline constexpr uint64_t kEfiMemorySpecificPurpose = 0x40000;  // EFI_MEMORY_SP
inline constexpr uint64_t kEfiMemoryRuntime = uint64_t{1} << 63;

// Linux's word for a type ("Conventional", "Boot Data", ...); null for numbers it does not know.
[[nodiscard]] constexpr const char* efi_type_name(EfiMemoryType type) {
  constexpr std::array kNames = {
      "Reserved",     "Loader Code",  "Loader Data", "Boot Code",    "Boot Data",    "Runtime Code",
      "Runtime Data", "Conventional", "Unusable",    "ACPI Reclaim", "ACPI Mem NVS", "MMIO",
      "MMIO Port",    "PAL Code",     "Persistent",  "Unaccepted",
  };
  const auto index = static_cast<size_t>(type);
  return index < kNames.size() ? kNames[index] : nullptr;
}
[[nodiscard]] constexpr const char* printed(EfiMemoryType type) {
  const char* const name = efi_type_name(type);
  return name == nullptr ? "unknown type" : name;
}

}  // namespace loader

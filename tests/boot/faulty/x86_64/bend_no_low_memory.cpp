// The memory map says that the firmware keeps all below 1 MiB for itself: there is no page in which
// another CPU could begin.
#include "tests/boot/faulty/faulty.h"

namespace faulty {
namespace {

EFI_STATUS EFIAPI bent_get_memory_map(UINTN* size, EFI_MEMORY_DESCRIPTOR* map, UINTN* key,
                                      UINTN* stride, UINT32* version) {
  constexpr UINT64 kLowEnd = 0x100000;
  const EFI_STATUS status = true_get_memory_map(size, map, key, stride, version);
  if (status != EFI_SUCCESS) return status;
  auto* const bytes = reinterpret_cast<UINT8*>(map);
  for (UINTN at = 0; at < *size; at += *stride) {
    auto* const descriptor = reinterpret_cast<EFI_MEMORY_DESCRIPTOR*>(bytes + at);
    if (descriptor->PhysicalStart < kLowEnd) descriptor->Type = EfiReservedMemoryType;
  }
  return status;
}

}  // namespace

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  return bend_memory_map(services, bent_get_memory_map);
}

}  // namespace faulty

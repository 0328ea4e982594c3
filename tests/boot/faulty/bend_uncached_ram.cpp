// The memory map says that free memory cannot be cached.
#include "tests/boot/faulty/faulty.h"

namespace faulty {
namespace {

EFI_STATUS EFIAPI bent_get_memory_map(UINTN* size, EFI_MEMORY_DESCRIPTOR* map, UINTN* key,
                                      UINTN* stride, UINT32* version) {
  const EFI_STATUS status = true_get_memory_map(size, map, key, stride, version);
  if (status != EFI_SUCCESS) return status;
  auto* const bytes = reinterpret_cast<UINT8*>(map);
  for (UINTN at = 0; at < *size; at += *stride) {
    auto* const descriptor = reinterpret_cast<EFI_MEMORY_DESCRIPTOR*>(bytes + at);
    if (descriptor->Type == EfiConventionalMemory) descriptor->Attribute = EFI_MEMORY_UC;
  }
  return status;
}

}  // namespace

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  return bend_memory_map(services, bent_get_memory_map);
}

}  // namespace faulty

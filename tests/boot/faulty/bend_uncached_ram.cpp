// The memory map says that free memory cannot be cached.
#include "tests/boot/faulty/faulty.h"

namespace faulty {
namespace {

EFI_GET_MEMORY_MAP true_get_memory_map = nullptr;

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
  true_get_memory_map = services.GetMemoryMap;
  services.GetMemoryMap = bent_get_memory_map;
  return seal(services);
}

}  // namespace faulty

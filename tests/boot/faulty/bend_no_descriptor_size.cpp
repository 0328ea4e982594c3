// GetMemoryMap leaves all but the size alone when the buffer is too small: UEFI 2.10 section 7.2.3
// promises no more.
#include "tests/boot/faulty/faulty.h"

namespace faulty {
namespace {

EFI_STATUS EFIAPI bent_get_memory_map(UINTN* size, EFI_MEMORY_DESCRIPTOR* map, UINTN* key,
                                      UINTN* stride, UINT32* version) {
  UINTN true_key = 0;
  UINTN true_stride = 0;
  UINT32 true_version = 0;
  const EFI_STATUS status = true_get_memory_map(size, map, &true_key, &true_stride, &true_version);
  if (EFI_ERROR(status)) return status;
  *key = true_key;
  *stride = true_stride;
  *version = true_version;
  return status;
}

}  // namespace

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  return bend_memory_map(services, bent_get_memory_map);
}

}  // namespace faulty

// GetMemoryMap never tells a size: not without a buffer, which it refuses, nor when the buffer is
// too small, where it claims success with more than was asked for at first and then fails.
#include "tests/boot/faulty/faulty.h"

namespace faulty {
namespace {

UINTN small_buffers = 0;

EFI_STATUS EFIAPI bent_get_memory_map(UINTN* size, EFI_MEMORY_DESCRIPTOR* map, UINTN* key,
                                      UINTN* stride, UINT32* version) {
  constexpr UINTN kEnough = 0x4000;
  if (map == nullptr) return EFI_INVALID_PARAMETER;
  if (*size >= kEnough) return true_get_memory_map(size, map, key, stride, version);
  if (small_buffers++ != 0) return EFI_BUFFER_TOO_SMALL;
  *size += kEnough;
  *stride = sizeof(EFI_MEMORY_DESCRIPTOR);
  return EFI_SUCCESS;
}

}  // namespace

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  return bend_memory_map(services, bent_get_memory_map);
}

}  // namespace faulty

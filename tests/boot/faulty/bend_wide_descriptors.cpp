// Descriptors are 64 bytes apart: UEFI 2.10 section 7.2.3 lets them be as large as the firmware likes,
// and what is behind those that everybody knows is not zero.
#include "tests/boot/faulty/faulty.h"

namespace faulty {
namespace {

constexpr UINTN kWide = 64;

EFI_STATUS EFIAPI bent_get_memory_map(UINTN* size, EFI_MEMORY_DESCRIPTOR* map, UINTN* key,
                                      UINTN* stride, UINT32* version) {
  const UINTN room = *size;
  UINTN true_stride = 0;
  const EFI_STATUS status = true_get_memory_map(size, map, key, &true_stride, version);
  // No buffer, no descriptors: what the true one asks for is in true ones.
  if (status == EFI_INVALID_PARAMETER || true_stride == 0) return status;
  *stride = kWide;
  const UINTN count = *size / true_stride;
  *size = count * kWide;
  if (EFI_ERROR(status)) return status;
  if (*size > room) return EFI_BUFFER_TOO_SMALL;
  auto* const bytes = reinterpret_cast<UINT8*>(map);
  for (UINTN i = count; i-- > 0;) {
    for (UINTN at = kWide; at-- > 0;) {
      bytes[i * kWide + at] = at < true_stride ? bytes[i * true_stride + at] : 0xa5;
    }
  }
  return EFI_SUCCESS;
}

}  // namespace

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  return bend_memory_map(services, bent_get_memory_map);
}

}  // namespace faulty

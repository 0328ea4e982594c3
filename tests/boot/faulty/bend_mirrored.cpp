// The memory map says that all below 4.5 GiB is kept twice (EFI_MEMORY_MORE_RELIABLE), and nothing
// above. Nothing is wrong with that: it is what servers say whose memory is mirrored in part.
#include "tests/boot/faulty/faulty.h"

namespace faulty {
namespace {

constexpr UINT64 kMoreReliable = 0x10000;
constexpr UINT64 kPage = 4096;
constexpr UINT64 kMirroredEnd = 0x120000000;

EFI_STATUS EFIAPI bent_get_memory_map(UINTN* size, EFI_MEMORY_DESCRIPTOR* map, UINTN* key,
                                      UINTN* stride, UINT32* version) {
  const UINTN room = *size;
  const EFI_STATUS status = true_get_memory_map(size, map, key, stride, version);
  // One descriptor more: the one across the border becomes two.
  if (status == EFI_BUFFER_TOO_SMALL) *size += *stride;
  if (status != EFI_SUCCESS) return status;
  if (*size + *stride > room) {
    *size += *stride;
    return EFI_BUFFER_TOO_SMALL;
  }
  auto* const bytes = reinterpret_cast<UINT8*>(map);
  const UINTN end = *size;
  for (UINTN at = 0; at < end; at += *stride) {
    auto* const descriptor = reinterpret_cast<EFI_MEMORY_DESCRIPTOR*>(bytes + at);
    if (descriptor->PhysicalStart >= kMirroredEnd) continue;
    const UINT64 pages_below = (kMirroredEnd - descriptor->PhysicalStart) / kPage;
    if (descriptor->NumberOfPages > pages_below) {
      auto* const rest = reinterpret_cast<EFI_MEMORY_DESCRIPTOR*>(bytes + *size);
      *size += *stride;
      *rest = *descriptor;
      rest->PhysicalStart = kMirroredEnd;
      rest->NumberOfPages = descriptor->NumberOfPages - pages_below;
      descriptor->NumberOfPages = pages_below;
    }
    descriptor->Attribute |= kMoreReliable;
  }
  return EFI_SUCCESS;
}

}  // namespace

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  return bend_memory_map(services, bent_get_memory_map);
}

}  // namespace faulty

// Many odd addresses in one machine: RAM above what the CPU (40 address bits) and page tables
// reach, the host's reserved ranges in a guest's map, runtime services' registers at 128 TiB, a
// framebuffer at 112 TiB, an I/O APIC in RAM, an ACPI table of 128 MiB.
#include "tests/boot/faulty/faulty.h"

namespace faulty {
namespace {

constexpr UINT64 kTiB = UINT64{1} << 40;
constexpr UINT64 kRuntime = UINT64{1} << 63;

struct More {
  UINT32 type;
  UINT64 start, pages, attributes;
};
constexpr More kMore[] = {
    {EfiConventionalMemory, 2 * kTiB, 0x80000, 0xf},
    {EfiConventionalMemory, 64 * kTiB, 0x80000, 0xf},
    {EfiMemoryMappedIO, 128 * kTiB, 0x10, kRuntime | 1},
    {EfiReservedMemoryType, 0xfffd00000000, 0x300000, 0},
};
constexpr UINTN kCount = sizeof(kMore) / sizeof(kMore[0]);

EFI_STATUS EFIAPI bent_get_memory_map(UINTN* size, EFI_MEMORY_DESCRIPTOR* map, UINTN* key,
                                      UINTN* stride, UINT32* version) {
  const UINTN room = *size;
  const EFI_STATUS status = true_get_memory_map(size, map, key, stride, version);
  if (status != EFI_SUCCESS && status != EFI_BUFFER_TOO_SMALL) return status;
  const UINTN told = *size;
  *size += kCount * *stride;
  if (status == EFI_BUFFER_TOO_SMALL || *size > room) return EFI_BUFFER_TOO_SMALL;
  for (UINTN i = 0; i < kCount; ++i) {
    auto* const d = reinterpret_cast<EFI_MEMORY_DESCRIPTOR*>(reinterpret_cast<UINT8*>(map) + told +
                                                             i * *stride);
    d->Type = kMore[i].type;
    d->PhysicalStart = kMore[i].start;
    d->VirtualStart = 0;
    d->NumberOfPages = kMore[i].pages;
    d->Attribute = kMore[i].attributes;
  }
  return EFI_SUCCESS;
}

void bend_madt(UINT64 madt) {
  constexpr UINT32 kInRam = 0x1000000;
  const UINT64 end = madt + at<UINT32>(madt + 4);
  for (UINT64 entry = madt + 44; entry < end; entry += at<UINT8>(entry + 1)) {
    if (at<UINT8>(entry) == 1) at<UINT32>(entry + 4) = kInRam;
  }
  mend_checksum(madt);
}

EFI_STATUS bend_tables() {
  const UINT64* const madt = table_pointer("APIC");
  const UINT64* const hpet = table_pointer("HPET");
  if (madt == nullptr || hpet == nullptr) return EFI_NOT_FOUND;
  bend_madt(*madt);
  at<UINT32>(*hpet + 4) = 128 << 20;
  return EFI_SUCCESS;
}

}  // namespace

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  EFI_GRAPHICS_OUTPUT_PROTOCOL* const graphics = console_graphics(services);
  if (graphics == nullptr) return EFI_NOT_FOUND;
  graphics->Mode->FrameBufferBase = 112 * kTiB;
  const EFI_STATUS status = bend_tables();
  if (EFI_ERROR(status)) return status;
  return bend_memory_map(services, bent_get_memory_map);
}

}  // namespace faulty

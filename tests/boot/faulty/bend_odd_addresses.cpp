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

// --- ACPI: the RSDP leads to the XSDT, which leads to the tables ---------------------------------

template <class T>
T& at(UINT64 address) {
  return *reinterpret_cast<T*>(address);
}

bool is(UINT64 table, const char* signature) {
  for (UINTN i = 0; i < 4; ++i) {
    if (at<char>(table + i) != signature[i]) return false;
  }
  return true;
}

void mend_checksum(UINT64 table) {
  UINT8 sum = 0;
  at<UINT8>(table + 9) = 0;
  for (UINTN i = 0; i < at<UINT32>(table + 4); ++i) sum += at<UINT8>(table + i);
  at<UINT8>(table + 9) = static_cast<UINT8>(0 - sum);
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
  EFI_GUID acpi = {0x8868e871, 0xe4f1, 0x11d3, {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}};
  void* rsdp = nullptr;
  if (LibGetSystemConfigurationTable(&acpi, &rsdp) != EFI_SUCCESS) return EFI_NOT_FOUND;
  const UINT64 xsdt = at<UINT64>(reinterpret_cast<UINT64>(rsdp) + 24);
  for (UINT64 pointer = xsdt + 36; pointer < xsdt + at<UINT32>(xsdt + 4); pointer += 8) {
    const UINT64 table = at<UINT64>(pointer);
    if (is(table, "APIC")) bend_madt(table);
    if (is(table, "HPET")) at<UINT32>(table + 4) = 128 << 20;
  }
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

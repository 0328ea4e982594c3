// AllocatePages and AllocatePool: places that are odd, and failures. The number is of the first call of
// Baton's that is bent; 0 and 1: all are.
#include "tests/boot/faulty/chosen/chosen.h"

namespace faulty::chosen {
namespace {

constexpr UINT64 kGiB = UINT64{1} << 30;

EFI_ALLOCATE_PAGES true_pages = nullptr;
EFI_ALLOCATE_POOL true_pool = nullptr;
EFI_BOOT_SERVICES* services_here = nullptr;

UINT64 first_bent = 0;
UINT64 last_bent = ~UINT64{0};
UINT64 calls = 0;
EFI_PHYSICAL_ADDRESS place_told = 0;

bool is_bent() {
  ++calls;
  return calls >= first_bent && calls <= last_bent;
}

// The highest free pages above 4 GiB.
EFI_STATUS take_high(EFI_MEMORY_TYPE type, UINTN pages, EFI_PHYSICAL_ADDRESS* memory) {
  for (UINT64 end = 5 * kGiB; end >= 4 * kGiB + kGiB / 2; end -= kGiB / 64) {
    *memory = end - UINT64{pages} * EFI_PAGE_SIZE;
    if (true_pages(AllocateAddress, type, pages, memory) == EFI_SUCCESS) return EFI_SUCCESS;
  }
  return EFI_OUT_OF_RESOURCES;
}

EFI_STATUS EFIAPI high(EFI_ALLOCATE_TYPE how, EFI_MEMORY_TYPE type, UINTN pages,
                       EFI_PHYSICAL_ADDRESS* memory) {
  if (CALLED_BY_BATON && is_bent() && how == AllocateAnyPages) {
    if (take_high(type, pages, memory) == EFI_SUCCESS) return EFI_SUCCESS;
  }
  return true_pages(how, type, pages, memory);
}

EFI_STATUS EFIAPI low(EFI_ALLOCATE_TYPE how, EFI_MEMORY_TYPE type, UINTN pages,
                      EFI_PHYSICAL_ADDRESS* memory) {
  if (CALLED_BY_BATON && is_bent() && how == AllocateAnyPages) {
    *memory = 0xf'ffff;
    if (true_pages(AllocateMaxAddress, type, pages, memory) == EFI_SUCCESS) return EFI_SUCCESS;
  }
  return true_pages(how, type, pages, memory);
}

EFI_STATUS EFIAPI at_place(EFI_ALLOCATE_TYPE how, EFI_MEMORY_TYPE type, UINTN pages,
                           EFI_PHYSICAL_ADDRESS* memory) {
  if (!CALLED_BY_BATON || !is_bent()) return true_pages(how, type, pages, memory);
  *memory = place_told;
  return EFI_SUCCESS;
}

EFI_STATUS EFIAPI unaligned(EFI_ALLOCATE_TYPE how, EFI_MEMORY_TYPE type, UINTN pages,
                            EFI_PHYSICAL_ADDRESS* memory) {
  const bool bent = CALLED_BY_BATON && is_bent();
  const EFI_STATUS status = true_pages(how, type, bent ? pages + 1 : pages, memory);
  if (bent && status == EFI_SUCCESS) *memory += 0x10;
  return status;
}

// The same pages as the time before, where they are enough.
EFI_STATUS EFIAPI again(EFI_ALLOCATE_TYPE how, EFI_MEMORY_TYPE type, UINTN pages,
                        EFI_PHYSICAL_ADDRESS* memory) {
  static EFI_PHYSICAL_ADDRESS before = 0;
  static UINTN enough = 0;
  if (!CALLED_BY_BATON || !is_bent()) return true_pages(how, type, pages, memory);
  if (pages <= enough) {
    *memory = before;
    return EFI_SUCCESS;
  }
  const EFI_STATUS status = true_pages(how, type, pages, memory);
  if (status == EFI_SUCCESS) {
    before = *memory;
    enough = pages;
  }
  return status;
}

EFI_STATUS EFIAPI no_pages(EFI_ALLOCATE_TYPE how, EFI_MEMORY_TYPE type, UINTN pages,
                           EFI_PHYSICAL_ADDRESS* memory) {
  if (CALLED_BY_BATON && is_bent()) return EFI_OUT_OF_RESOURCES;
  return true_pages(how, type, pages, memory);
}

EFI_STATUS EFIAPI no_pool(EFI_MEMORY_TYPE type, UINTN size, void** memory) {
  if (CALLED_BY_BATON) return EFI_OUT_OF_RESOURCES;
  return true_pool(type, size, memory);
}

EFI_STATUS EFIAPI null_pool(EFI_MEMORY_TYPE type, UINTN size, void** memory) {
  if (!CALLED_BY_BATON) return true_pool(type, size, memory);
  *memory = nullptr;
  return EFI_SUCCESS;
}

EFI_STATUS EFIAPI no_free(EFI_PHYSICAL_ADDRESS memory, UINTN pages);
EFI_FREE_PAGES true_free = nullptr;
EFI_STATUS EFIAPI no_free(EFI_PHYSICAL_ADDRESS memory, UINTN pages) {
  return CALLED_BY_BATON ? EFI_NOT_FOUND : true_free(memory, pages);
}

template <EFI_ALLOCATE_PAGES bent>
EFI_STATUS pages(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/, UINT64 number) {
  services_here = &services;
  first_bent = number;
  true_pages = services.AllocatePages;
  services.AllocatePages = bent;
  return EFI_SUCCESS;
}

EFI_STATUS pages_place(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton, UINT64 number) {
  place_told = number;
  return pages<at_place>(services, baton, 0);
}

EFI_STATUS only_call(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton, UINT64 number) {
  last_bent = number;
  return pages<no_pages>(services, baton, number);
}

template <EFI_ALLOCATE_POOL bent>
EFI_STATUS pool(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/, UINT64 /*number*/) {
  true_pool = services.AllocatePool;
  services.AllocatePool = bent;
  return EFI_SUCCESS;
}

EFI_STATUS free_fails(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/, UINT64 /*number*/) {
  true_free = services.FreePages;
  services.FreePages = no_free;
  return EFI_SUCCESS;
}

constexpr Bend kBends[] = {
    {"pages-above-4g", pages<high>}, {"pages-below-1m", pages<low>},
    {"pages-at", pages_place},       {"pages-unaligned", pages<unaligned>},
    {"pages-again", pages<again>},   {"pages-none-from", pages<no_pages>},
    {"pages-none-at", only_call},    {"pool-none", pool<no_pool>},
    {"pool-null", pool<null_pool>},  {"free-fails", free_fails},
};

}  // namespace

std::span<const Bend> memory_bends() { return kBends; }

}  // namespace faulty::chosen

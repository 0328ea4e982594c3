// Nobody gets more than 64 KiB of memory at once.
#include "tests/boot/faulty/faulty.h"

namespace faulty {
namespace {

constexpr UINTN kMostPages = 16;
EFI_ALLOCATE_PAGES true_allocate_pages = nullptr;
EFI_ALLOCATE_POOL true_allocate_pool = nullptr;

EFI_STATUS EFIAPI bent_allocate_pages(EFI_ALLOCATE_TYPE how, EFI_MEMORY_TYPE type, UINTN pages,
                                      EFI_PHYSICAL_ADDRESS* memory) {
  if (pages > kMostPages) return EFI_OUT_OF_RESOURCES;
  return true_allocate_pages(how, type, pages, memory);
}

EFI_STATUS EFIAPI bent_allocate_pool(EFI_MEMORY_TYPE type, UINTN size, void** memory) {
  if (size > kMostPages * EFI_PAGE_SIZE) return EFI_OUT_OF_RESOURCES;
  return true_allocate_pool(type, size, memory);
}

}  // namespace

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  true_allocate_pages = services.AllocatePages;
  true_allocate_pool = services.AllocatePool;
  services.AllocatePages = bent_allocate_pages;
  services.AllocatePool = bent_allocate_pool;
  return EFI_SUCCESS;
}

}  // namespace faulty

// Pages freed nine at a time stay allocated, though FreePages says it went well.
#include "tests/boot/faulty/faulty.h"

namespace faulty {
namespace {

EFI_FREE_PAGES true_free_pages = nullptr;

EFI_STATUS EFIAPI bent_free_pages(EFI_PHYSICAL_ADDRESS memory, UINTN pages) {
  return pages == 9 ? EFI_SUCCESS : true_free_pages(memory, pages);
}

}  // namespace

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  true_free_pages = services.FreePages;
  services.FreePages = bent_free_pages;
  return seal(services);
}

}  // namespace faulty

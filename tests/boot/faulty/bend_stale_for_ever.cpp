// The memory map changes in front of every ExitBootServices.
#include "tests/boot/faulty/faulty.h"

namespace faulty {

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  bend_exit(services, ~UINTN{0});
  return EFI_SUCCESS;
}

}  // namespace faulty

// The memory map changes in front of the first three calls of ExitBootServices.
#include "tests/boot/faulty/faulty.h"

namespace faulty {

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  bend_exit(services, 3);
  return EFI_SUCCESS;
}

}  // namespace faulty

// A screen of 15 bits a pixel, told by masks.
#include "tests/boot/faulty/faulty.h"

namespace faulty {

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  return bend_pixels(services, 15);
}

}  // namespace faulty

// A screen of 16 bits a pixel, told by masks.
#include "tests/boot/faulty/faulty.h"

namespace faulty {

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  return bend_pixels(services, 16);
}

}  // namespace faulty

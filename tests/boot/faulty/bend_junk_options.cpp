// Baton is given load options that are no text, of an odd size, as some firmware does.
#include "tests/boot/faulty/faulty.h"

namespace faulty {

EFI_STATUS bend(EFI_BOOT_SERVICES& /*services*/, EFI_LOADED_IMAGE& baton) {
  static UINT8 junk[] = {0x01, 0x00, 0xff, 0xfe, 0x07, 0xd8, 0x00, 0x10, 0x80, 0x9f, 0x33};
  baton.LoadOptions = junk;
  baton.LoadOptionsSize = sizeof junk;
  return EFI_SUCCESS;
}

}  // namespace faulty

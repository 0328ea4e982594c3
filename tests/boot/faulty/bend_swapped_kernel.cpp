// kernel.elf is no ELF file any more as soon as it has been read once.
#include "tests/boot/faulty/faulty.h"

namespace faulty {

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton) {
  return swap_after_first_read(services, baton.DeviceHandle, utf16(u"kernel.elf"), 0);
}

}  // namespace faulty

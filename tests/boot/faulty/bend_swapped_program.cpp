// other.efi is another one as soon as it has been read once.
#include "tests/boot/faulty/faulty.h"

namespace faulty {

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton) {
  return swap_after_first_read(services, baton.DeviceHandle, utf16(u"other.efi"));
}

}  // namespace faulty

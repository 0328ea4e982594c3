// other.efi has other code as soon as it has been read once (tools/signing.py says where that is).
#include "tests/boot/faulty/faulty.h"

namespace faulty {

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton) {
  return swap_after_first_read(services, baton.DeviceHandle, utf16(u"other.efi"), 512);
}

}  // namespace faulty

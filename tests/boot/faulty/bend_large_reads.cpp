// Reads of more than 512 KiB at a time fail, of files whose name ends in initrd.
#include "tests/boot/faulty/faulty.h"

namespace faulty {

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton) {
  return bend_large_reads(services, baton.DeviceHandle, utf16(u"initrd"), 512 * 1024);
}

}  // namespace faulty

// The disk breaks under kernel.elf behind its first 4 KiB.
#include "tests/boot/faulty/faulty.h"

namespace faulty {

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton) {
  return bend_reads(services, baton.DeviceHandle, utf16(u"kernel.elf"), 4096,
                    [](UINTN*) -> EFI_STATUS { return EFI_DEVICE_ERROR; });
}

}  // namespace faulty

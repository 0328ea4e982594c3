// kernel.elf ends behind its first 4 KiB, whatever size the directory says it has.
#include "tests/boot/faulty/faulty.h"

namespace faulty {

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton) {
  return bend_reads(services, baton.DeviceHandle, utf16(u"kernel.elf"), 4096,
                    [](UINTN* size) -> EFI_STATUS {
                      *size = 0;
                      return EFI_SUCCESS;
                    });
}

}  // namespace faulty

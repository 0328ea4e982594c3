// kernel.elf comes from a medium on which every read takes three quarters of a second.
#include "tests/boot/faulty/faulty.h"

namespace faulty {

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton) {
  return bend_reads_slow(services, baton.DeviceHandle, utf16(u"kernel.elf"), 750'000);
}

}  // namespace faulty

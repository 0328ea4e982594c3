// The same, and the volume is full when the report's second file is half written.
#include "tests/boot/faulty/faulty.h"

namespace faulty {

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton) {
  const EFI_STATUS status = leave_report(2);
  if (EFI_ERROR(status)) return status;
  return bend_writes(services, baton.DeviceHandle, utf16(u".html"));
}

}  // namespace faulty

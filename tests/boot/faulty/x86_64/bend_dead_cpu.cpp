// A MADT that names a CPU which is not there, with APIC id 0x77: it never answers.
#include "tests/boot/faulty/faulty.h"

EFI_STATUS faulty::bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  constexpr UINT8 kEntry[] = {0, 8, 0x77, 0x77, 1, 0, 0, 0};  // a local APIC, enabled
  return add_madt_entry(services, kEntry);
}

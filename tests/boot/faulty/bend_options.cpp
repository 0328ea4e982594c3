// Baton is given load options, without the NUL that should end them.
#include "tests/boot/faulty/faulty.h"

namespace faulty {

EFI_STATUS bend(EFI_BOOT_SERVICES& /*services*/, EFI_LOADED_IMAGE& baton) {
  static char16_t options[] = u"poweroff from-load-options";
  baton.LoadOptions = options;
  baton.LoadOptionsSize = sizeof options - sizeof options[0];
  return EFI_SUCCESS;
}

}  // namespace faulty

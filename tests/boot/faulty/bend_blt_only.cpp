// A screen that only the firmware can draw on.
#include "tests/boot/faulty/faulty.h"

namespace faulty {

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  EFI_GRAPHICS_OUTPUT_PROTOCOL* const graphics = console_graphics(services);
  if (graphics == nullptr) return EFI_NOT_FOUND;
  graphics->Mode->Info->PixelFormat = PixelBltOnly;
  graphics->Mode->FrameBufferBase = 0;
  graphics->Mode->FrameBufferSize = 0;
  return EFI_SUCCESS;
}

}  // namespace faulty

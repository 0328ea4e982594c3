// The graphics output says that its framebuffer is where free memory is.
#include "tests/boot/faulty/faulty.h"

namespace faulty {

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  EFI_GRAPHICS_OUTPUT_PROTOCOL* const graphics = console_graphics(services);
  if (graphics == nullptr) return EFI_NOT_FOUND;
  graphics->Mode->FrameBufferBase = 0x8000000;
  return EFI_SUCCESS;
}

}  // namespace faulty

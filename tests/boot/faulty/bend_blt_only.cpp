// A screen that only the firmware can draw on, by whichever graphics output.
#include "tests/boot/faulty/faulty.h"

namespace faulty {

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
  UINTN count = 0;
  EFI_HANDLE* handles = nullptr;
  const EFI_STATUS status =
      services.LocateHandleBuffer(ByProtocol, &guid, nullptr, &count, &handles);
  if (EFI_ERROR(status)) return status;
  for (UINTN i = 0; i < count; ++i) {
    void* found = nullptr;
    if (EFI_ERROR(services.HandleProtocol(handles[i], &guid, &found))) continue;
    EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE& mode =
        *static_cast<EFI_GRAPHICS_OUTPUT_PROTOCOL*>(found)->Mode;
    mode.Info->PixelFormat = PixelBltOnly;
    mode.FrameBufferBase = 0;
    mode.FrameBufferSize = 0;
  }
  return services.FreePool(handles);
}

}  // namespace faulty

#include "efi/graphics.h"

namespace efi {
namespace {

constexpr EFI_GUID kGraphicsOutput = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;

}  // namespace

loader::HandoffFramebuffer find_framebuffer(const Firmware& firmware) {
  auto* graphics = protocol_on<EFI_GRAPHICS_OUTPUT_PROTOCOL>(
      firmware, firmware.system->ConsoleOutHandle, kGraphicsOutput);
  if (graphics == nullptr) {
    graphics = protocol_anywhere<EFI_GRAPHICS_OUTPUT_PROTOCOL>(firmware, kGraphicsOutput);
  }
  if (graphics == nullptr || graphics->Mode == nullptr || graphics->Mode->Info == nullptr)
    return {};
  const EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE& mode = *graphics->Mode;
  const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION& info = *mode.Info;
  if (info.PixelFormat >= PixelBltOnly || mode.FrameBufferBase == 0) return {};
  // By masks a pixel may have fewer than 32 bits, which none of our code draws.
  const EFI_PIXEL_BITMASK& masks = info.PixelInformation;
  if (info.PixelFormat == PixelBitMask &&
      (masks.RedMask | masks.GreenMask | masks.BlueMask | masks.ReservedMask) >> 24 == 0) {
    return {};
  }
  const uint64_t needed = uint64_t{info.PixelsPerScanLine} * info.VerticalResolution * 4;
  if (info.PixelsPerScanLine < info.HorizontalResolution || needed > mode.FrameBufferSize)
    return {};
  return {.address = mode.FrameBufferBase,
          .size = mode.FrameBufferSize,
          .width = info.HorizontalResolution,
          .height = info.VerticalResolution,
          .pixels_per_line = info.PixelsPerScanLine,
          .format = static_cast<uint32_t>(info.PixelFormat),
          .red_mask = masks.RedMask,
          .green_mask = masks.GreenMask,
          .blue_mask = masks.BlueMask,
          .reserved_mask = masks.ReservedMask};
}

}  // namespace efi

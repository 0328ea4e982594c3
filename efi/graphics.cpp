#include "efi/graphics.h"

namespace efi {
namespace {

constexpr EFI_GUID kGraphicsOutput = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;

loader::HandoffFramebuffer none(const mm::Printer& out, const char* why) {
  out.line("no screen after the firmware, the serial port only: %s", why);
  return {};
}

}  // namespace

loader::HandoffFramebuffer find_framebuffer(const Firmware& firmware, const mm::Printer& out) {
  auto* graphics = protocol_on<EFI_GRAPHICS_OUTPUT_PROTOCOL>(
      firmware, firmware.system->ConsoleOutHandle, kGraphicsOutput);
  if (graphics == nullptr) {
    graphics = protocol_anywhere<EFI_GRAPHICS_OUTPUT_PROTOCOL>(firmware, kGraphicsOutput);
  }
  if (graphics == nullptr || graphics->Mode == nullptr || graphics->Mode->Info == nullptr)
    return none(out, "there is no graphics output");
  const EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE& mode = *graphics->Mode;
  const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION& info = *mode.Info;
  if (info.PixelFormat == PixelBltOnly || mode.FrameBufferBase == 0)
    return none(out, "the graphics output can only be drawn on by the firmware");
  const EFI_PIXEL_BITMASK& masks = info.PixelInformation;
  const loader::HandoffFramebuffer found{.address = mode.FrameBufferBase,
                                         .size = mode.FrameBufferSize,
                                         .width = info.HorizontalResolution,
                                         .height = info.VerticalResolution,
                                         .pixels_per_line = info.PixelsPerScanLine,
                                         .format = static_cast<uint32_t>(info.PixelFormat),
                                         .red_mask = masks.RedMask,
                                         .green_mask = masks.GreenMask,
                                         .blue_mask = masks.BlueMask,
                                         .reserved_mask = masks.ReservedMask};
  const uint64_t bytes = loader::bytes_per_pixel(found);
  if (bytes == 0) return none(out, "its pixels have no format that UEFI names");
  if (found.width == 0 || found.height == 0 || found.pixels_per_line < found.width ||
      found.size / (bytes * found.pixels_per_line) < found.height)
    return none(out, "its mode does not fit into its framebuffer");
  return found;
}

}  // namespace efi

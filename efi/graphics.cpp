#include "efi/graphics.h"

#include <algorithm>

#include "loader/framebuffer_choice.h"

namespace efi {
namespace {

constexpr EFI_GUID kGraphicsOutput = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
// A machine has a few.
constexpr UINTN kMost = 64;

// EDK II's mark on the handles of devices that its console is shown on.
constexpr EFI_GUID kConsoleOutDevice = {
    0xd3b36f2c, 0xd551, 0x11d4, {0x9a, 0x46, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};

void offer(const EFI_GRAPHICS_OUTPUT_PROTOCOL* graphics, bool of_console,
           loader::FramebufferChoice& choice) {
  if (graphics == nullptr || graphics->Mode == nullptr || graphics->Mode->Info == nullptr) return;
  const EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE& mode = *graphics->Mode;
  const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION& info = *mode.Info;
  const EFI_PIXEL_BITMASK& masks = info.PixelInformation;
  choice.offer({.address = mode.FrameBufferBase,
                .size = mode.FrameBufferSize,
                .width = info.HorizontalResolution,
                .height = info.VerticalResolution,
                .pixels_per_line = info.PixelsPerScanLine,
                .format = static_cast<uint32_t>(info.PixelFormat),
                .red_mask = masks.RedMask,
                .green_mask = masks.GreenMask,
                .blue_mask = masks.BlueMask,
                .reserved_mask = masks.ReservedMask},
               of_console);
}

}  // namespace

loader::HandoffFramebuffer find_framebuffer(const Firmware& firmware, const mm::Printer& out) {
  loader::FramebufferChoice choice;
  EFI_HANDLE console = firmware.system->ConsoleOutHandle;
  offer(protocol_on<EFI_GRAPHICS_OUTPUT_PROTOCOL>(firmware, console, kGraphicsOutput), true,
        choice);
  EFI_GUID wanted = kGraphicsOutput;
  UINTN count = 0;
  EFI_HANDLE* handles = nullptr;
  if (firmware.boot->LocateHandleBuffer(ByProtocol, &wanted, nullptr, &count, &handles) ==
          EFI_SUCCESS &&
      handles != nullptr) {
    if (count > kMost) out.line("of {} graphics outputs the first {} are looked at", count, kMost);
    for (UINTN i = 0; i < std::min(count, kMost); ++i) {
      offer(protocol_on<EFI_GRAPHICS_OUTPUT_PROTOCOL>(firmware, handles[i], kGraphicsOutput),
            protocol_installed(firmware, handles[i], kConsoleOutDevice), choice);
    }
    firmware.boot->FreePool(handles);
  }
  if (choice.chosen().address == 0)
    out.line("no screen after the firmware, the serial port only: {}", choice.why_none());
  return choice.chosen();
}

}  // namespace efi

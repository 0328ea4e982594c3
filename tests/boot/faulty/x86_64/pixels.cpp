#include "tests/boot/faulty/faulty.h"

namespace faulty {
namespace {

// The interface of Bochs' display (QEMU docs/specs/standard-vga).
constexpr UINT16 kIndexPort = 0x1ce, kDataPort = 0x1cf;
enum Index : UINT16 { kBitsPerPixel = 3, kEnable = 4 };
constexpr UINT16 kOff = 0, kOnLinearNotCleared = 0x01 | 0x40 | 0x80;

void out16(UINT16 port, UINT16 value) { asm volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }

UINT16 in16(UINT16 port) {
  UINT16 value = 0;
  asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

void set(Index index, UINT16 value) {
  out16(kIndexPort, index);
  out16(kDataPort, value);
}

EFI_PIXEL_BITMASK masks_of(UINT16 bits) {
  if (bits == 15) return {0x7c00, 0x03e0, 0x001f, 0x8000};
  if (bits == 16) return {0xf800, 0x07e0, 0x001f, 0};
  return {0xff0000, 0xff00, 0xff, 0};
}

}  // namespace

EFI_GRAPHICS_OUTPUT_PROTOCOL* console_graphics(EFI_BOOT_SERVICES& services) {
  EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
  void* found = nullptr;
  if (EFI_ERROR(services.HandleProtocol(ST->ConsoleOutHandle, &guid, &found))) return nullptr;
  return static_cast<EFI_GRAPHICS_OUTPUT_PROTOCOL*>(found);
}

EFI_STATUS bend_pixels(EFI_BOOT_SERVICES& services, UINT16 bits) {
  EFI_GRAPHICS_OUTPUT_PROTOCOL* const graphics = console_graphics(services);
  if (graphics == nullptr) return EFI_NOT_FOUND;
  set(kEnable, kOff);
  set(kBitsPerPixel, bits);
  set(kEnable, kOnLinearNotCleared);
  out16(kIndexPort, kBitsPerPixel);
  if (in16(kDataPort) != bits) return EFI_UNSUPPORTED;
  EFI_GRAPHICS_OUTPUT_MODE_INFORMATION& info = *graphics->Mode->Info;
  info.PixelFormat = PixelBitMask;
  info.PixelInformation = masks_of(bits);
  info.PixelsPerScanLine = info.HorizontalResolution;
  // No more than the mode needs, as on machines whose video memory is small.
  graphics->Mode->FrameBufferSize =
      UINTN{info.PixelsPerScanLine} * info.VerticalResolution * ((bits + 7u) / 8);
  return EFI_SUCCESS;
}

}  // namespace faulty

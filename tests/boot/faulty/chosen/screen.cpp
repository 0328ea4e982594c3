// What the graphics output of the console says of its mode.
#include "tests/boot/faulty/chosen/chosen.h"

namespace faulty::chosen {
namespace {

using Change = void (*)(EFI_GRAPHICS_OUTPUT_PROTOCOL& graphics, UINT64 number);

template <Change change>
EFI_STATUS changed(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/, UINT64 number) {
  EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
  UINTN count = 0;
  EFI_HANDLE* handles = nullptr;
  const EFI_STATUS status =
      services.LocateHandleBuffer(ByProtocol, &guid, nullptr, &count, &handles);
  if (EFI_ERROR(status)) return status;
  for (UINTN i = 0; i < count; ++i) {
    void* found = nullptr;
    if (services.HandleProtocol(handles[i], &guid, &found) != EFI_SUCCESS) continue;
    change(*static_cast<EFI_GRAPHICS_OUTPUT_PROTOCOL*>(found), number);
  }
  return services.FreePool(handles);
}

void no_mode(EFI_GRAPHICS_OUTPUT_PROTOCOL& graphics, UINT64) { graphics.Mode = nullptr; }
void no_info(EFI_GRAPHICS_OUTPUT_PROTOCOL& graphics, UINT64) { graphics.Mode->Info = nullptr; }
void base(EFI_GRAPHICS_OUTPUT_PROTOCOL& graphics, UINT64 number) {
  graphics.Mode->FrameBufferBase = number;
}
void size(EFI_GRAPHICS_OUTPUT_PROTOCOL& graphics, UINT64 number) {
  graphics.Mode->FrameBufferSize = static_cast<UINTN>(number);
}
void width(EFI_GRAPHICS_OUTPUT_PROTOCOL& graphics, UINT64 number) {
  graphics.Mode->Info->HorizontalResolution = static_cast<UINT32>(number);
}
void height(EFI_GRAPHICS_OUTPUT_PROTOCOL& graphics, UINT64 number) {
  graphics.Mode->Info->VerticalResolution = static_cast<UINT32>(number);
}
void line(EFI_GRAPHICS_OUTPUT_PROTOCOL& graphics, UINT64 number) {
  graphics.Mode->Info->PixelsPerScanLine = static_cast<UINT32>(number);
}
void format(EFI_GRAPHICS_OUTPUT_PROTOCOL& graphics, UINT64 number) {
  graphics.Mode->Info->PixelFormat = static_cast<EFI_GRAPHICS_PIXEL_FORMAT>(number);
}
// Masks of red, green and blue; 0: none has a bit, 1: all have all.
void masks(EFI_GRAPHICS_OUTPUT_PROTOCOL& graphics, UINT64 number) {
  const UINT32 mask = number == 0 ? 0 : 0xffff'ffff;
  graphics.Mode->Info->PixelFormat = PixelBitMask;
  graphics.Mode->Info->PixelInformation = {mask, mask, mask, mask};
}

constexpr Bend kBends[] = {
    {"screen-mode-null", changed<no_mode>}, {"screen-info-null", changed<no_info>},
    {"screen-base", changed<base>},         {"screen-size", changed<size>},
    {"screen-width", changed<width>},       {"screen-height", changed<height>},
    {"screen-line", changed<line>},         {"screen-format", changed<format>},
    {"screen-masks", changed<masks>},
};

}  // namespace

std::span<const Bend> screen_bends() { return kBends; }

}  // namespace faulty::chosen

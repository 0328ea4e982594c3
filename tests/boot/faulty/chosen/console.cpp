// The firmware's text console, and the keyboard.
#include "tests/boot/faulty/chosen/chosen.h"

namespace faulty::chosen {
namespace {

EFI_STATUS EFIAPI output_fails(SIMPLE_TEXT_OUTPUT_INTERFACE*, CHAR16*) { return EFI_DEVICE_ERROR; }
EFI_STATUS EFIAPI query_lies(SIMPLE_TEXT_OUTPUT_INTERFACE*, UINTN, UINTN* columns, UINTN* rows) {
  *columns = 0;
  *rows = 0;
  return EFI_SUCCESS;
}
EFI_STATUS EFIAPI mode_fails(SIMPLE_TEXT_OUTPUT_INTERFACE*, UINTN) { return EFI_DEVICE_ERROR; }
EFI_STATUS EFIAPI place_fails(SIMPLE_TEXT_OUTPUT_INTERFACE*, UINTN, UINTN) {
  return EFI_DEVICE_ERROR;
}
EFI_STATUS EFIAPI clear_fails(SIMPLE_TEXT_OUTPUT_INTERFACE*) { return EFI_DEVICE_ERROR; }
EFI_STATUS EFIAPI key_fails(SIMPLE_INPUT_INTERFACE*, EFI_INPUT_KEY*) { return EFI_DEVICE_ERROR; }

EFI_STATUS output(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64) {
  baton.SystemTable->ConOut->OutputString = output_fails;
  return EFI_SUCCESS;
}

// Whatever is asked of the console but text.
EFI_STATUS screen_ways(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64) {
  SIMPLE_TEXT_OUTPUT_INTERFACE& out = *baton.SystemTable->ConOut;
  out.QueryMode = query_lies;
  out.SetMode = mode_fails;
  out.SetAttribute = mode_fails;
  out.SetCursorPosition = place_fails;
  out.ClearScreen = clear_fails;
  return EFI_SUCCESS;
}

EFI_STATUS no_output(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64) {
  baton.SystemTable->ConOut = nullptr;
  return EFI_SUCCESS;
}

EFI_STATUS no_mode(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64) {
  // Not the firmware's own structure, which it uses itself.
  static SIMPLE_TEXT_OUTPUT_INTERFACE out;
  out = *baton.SystemTable->ConOut;
  out.Mode = nullptr;
  baton.SystemTable->ConOut = &out;
  return EFI_SUCCESS;
}

EFI_STATUS no_input(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64) {
  baton.SystemTable->ConIn = nullptr;
  return EFI_SUCCESS;
}

EFI_STATUS input_fails(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64) {
  static SIMPLE_INPUT_INTERFACE in;
  in = *baton.SystemTable->ConIn;
  in.ReadKeyStroke = key_fails;
  in.WaitForKey = nullptr;
  baton.SystemTable->ConIn = &in;
  return EFI_SUCCESS;
}

EFI_STATUS no_handles(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64) {
  baton.SystemTable->ConsoleOutHandle = nullptr;
  baton.SystemTable->ConsoleInHandle = nullptr;
  baton.SystemTable->StandardErrorHandle = nullptr;
  baton.SystemTable->StdErr = nullptr;
  return EFI_SUCCESS;
}

constexpr Bend kBends[] = {
    {"out-fails", output},
    {"out-screen-fails", screen_ways},
    {"out-null", no_output},
    {"out-mode-null", no_mode},
    {"in-null", no_input},
    {"in-fails", input_fails},
    {"console-handles-null", no_handles},
};

}  // namespace

std::span<const Bend> console_bends() { return kBends; }

}  // namespace faulty::chosen

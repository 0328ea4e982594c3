#include "efi/protocols/chain.h"

#include "efi/device_path.h"
#include "efi/memory.h"

namespace efi {
namespace {

constexpr EFI_GUID kLoadedImage = EFI_LOADED_IMAGE_PROTOCOL_GUID;

}  // namespace

mm::Result<> start_program(const Firmware& firmware, const Volume& volume, const char* path,
                           std::string_view options) {
  const Pages full = BATON_TRY(device_path_of(firmware, path));
  const File file = firmware.secure_boot ? BATON_TRY(volume.read(firmware, path)) : File{};
  EFI_HANDLE image = nullptr;
  EFI_STATUS status = firmware.boot->LoadImage(
      0, firmware.image, reinterpret_cast<EFI_DEVICE_PATH*>(full.as<uint8_t>()),
      firmware.secure_boot ? file.pages.as<void>() : nullptr, file.size, &image);
  if (status != EFI_SUCCESS) {
    if (image != nullptr) firmware.boot->UnloadImage(image);
    return failed("cannot be loaded", path, status);
  }
  const Pages text = BATON_TRY(allocate(firmware, (options.size() + 1) * 2, "load options"));
  auto* const wide = text.as<CHAR16>();
  for (size_t i = 0; i < options.size(); ++i) {
    wide[i] = static_cast<CHAR16>(static_cast<unsigned char>(options[i]));
  }
  wide[options.size()] = 0;
  if (auto* const loaded = protocol_on<EFI_LOADED_IMAGE>(firmware, image, kLoadedImage);
      loaded != nullptr && !options.empty()) {
    loaded->LoadOptions = wide;
    loaded->LoadOptionsSize = static_cast<UINT32>((options.size() + 1) * 2);
  }
  status = firmware.boot->StartImage(image, nullptr, nullptr);
  if (status != EFI_SUCCESS) return failed("came back with an error", path, status);
  return {};
}

}  // namespace efi

#include "efi/firmware.h"

#include <bit>

#include "loader/handoff/efi_guid.h"
#include "mm/print.h"

namespace efi {
namespace {

constexpr EFI_GUID kLoadedImage = EFI_LOADED_IMAGE_PROTOCOL_GUID;

struct StatusName {
  EFI_STATUS status;
  const char* name;
};

constexpr StatusName kStatusNames[] = {
    {EFI_LOAD_ERROR, "Load Error"},
    {EFI_INVALID_PARAMETER, "Invalid Parameter"},
    {EFI_UNSUPPORTED, "Unsupported"},
    {EFI_BAD_BUFFER_SIZE, "Bad Buffer Size"},
    {EFI_BUFFER_TOO_SMALL, "Buffer Too Small"},
    {EFI_NOT_READY, "Not Ready"},
    {EFI_DEVICE_ERROR, "Device Error"},
    {EFI_WRITE_PROTECTED, "Write Protected"},
    {EFI_OUT_OF_RESOURCES, "Out of Resources"},
    {EFI_VOLUME_CORRUPTED, "Volume Corrupted"},
    {EFI_VOLUME_FULL, "Volume Full"},
    {EFI_NO_MEDIA, "No Media"},
    {EFI_MEDIA_CHANGED, "Media Changed"},
    {EFI_NOT_FOUND, "Not Found"},
    {EFI_ACCESS_DENIED, "Access Denied"},
    {EFI_NO_RESPONSE, "No Response"},
    {EFI_TIMEOUT, "Time out"},
    {EFI_ABORTED, "Aborted"},
    {EFI_SECURITY_VIOLATION, "Security Violation"},
    {EFI_CRC_ERROR, "CRC Error"},
};

// A variable of one byte (UEFI 2.10 section 3.3); 0 when there is none, `unreadable` when that cannot be told.
uint8_t byte_variable(const Firmware& firmware, const char16_t* name, uint8_t unreadable) {
  uint8_t value = 0;
  UINTN size = sizeof(value);
  EFI_GUID guid = std::bit_cast<EFI_GUID>(loader::kGlobalVariables);
  auto* const wide_name = reinterpret_cast<CHAR16*>(const_cast<char16_t*>(name));  // only read
  const EFI_STATUS status =
      firmware.system->RuntimeServices->GetVariable(wide_name, &guid, nullptr, &size, &value);
  if (status == EFI_NOT_FOUND) return 0;
  return status == EFI_SUCCESS && size == sizeof(value) ? value : unreadable;
}

// The firmware's variables SecureBoot and SetupMode; a firmware without the second is in no such mode. In
// doubt it is on.
bool secure_boot(const Firmware& firmware) {
  return byte_variable(firmware, u"SecureBoot", 1) == 1 &&
         byte_variable(firmware, u"SetupMode", 0) == 0;
}

}  // namespace

mm::Result<Firmware> meet_firmware(EFI_HANDLE image, EFI_SYSTEM_TABLE* system) {
  if (system->BootServices == nullptr) return mm::Error{"is not there", "boot services table"};
  if (system->RuntimeServices == nullptr)
    return mm::Error{"is not there", "runtime services table"};
  Firmware firmware{image, system, system->BootServices};
  firmware.loaded = protocol_on<EFI_LOADED_IMAGE>(firmware, image, kLoadedImage);
  if (firmware.loaded == nullptr) {
    return mm::Error{"the firmware does not say how Baton was loaded", "loaded image protocol"};
  }
  firmware.secure_boot = secure_boot(firmware);
  return firmware;
}

void stop_watchdog(const Firmware& firmware) { firmware.boot->SetWatchdogTimer(0, 0, 0, nullptr); }

const char* status_name(EFI_STATUS status) {
  for (const StatusName& known : kStatusNames) {
    if (known.status == status) return known.name;
  }
  return nullptr;
}

mm::Error failed(mm::ErrorText what, const char* subject, EFI_STATUS status, uint64_t number) {
  const char* name = status_name(status);
  if (name == nullptr) {
    static char unknown[32];
    (void)mm::format(unknown, "status {:#x}", status);
    name = unknown;
  }
  return {what, subject, number, 0, name};
}

}  // namespace efi

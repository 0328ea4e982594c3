// The firmware as an application sees it (UEFI 2.10 sections 4 and 9), and its errors as ours.
#pragma once

#include <efi.h>

#include <cstdint>

#include "mm/result.h"

namespace efi {

// What the firmware gave us at entry. Boot services are gone after exit (efi/exit.h).
struct Firmware {
  EFI_HANDLE image = nullptr;
  EFI_SYSTEM_TABLE* system = nullptr;
  EFI_BOOT_SERVICES* boot = nullptr;
  EFI_LOADED_IMAGE* loaded = nullptr;  // where our image lies, from which device, with what options
  bool secure_boot = false;            // only what is signed is started (UEFI 2.10 section 32.2)
};

// The tables of services must be there, and the loaded image's protocol, without which nothing else
// can be found.
mm::Result<Firmware> meet_firmware(EFI_HANDLE image, EFI_SYSTEM_TABLE* system);

// Switches off the watchdog that would reset the machine five minutes after we were started (UEFI
// 2.10 section 7.5). A firmware without one says so; that is no error.
void stop_watchdog(const Firmware& firmware);

// "Not Found" and so on (UEFI 2.10 appendix D); null for a status it does not name.
[[nodiscard]] const char* status_name(EFI_STATUS status);

// An error whose `other` is the status's name; where it has none the number is `b`.
[[nodiscard]] mm::Error failed(mm::ErrorText what, const char* subject, EFI_STATUS status,
                               uint64_t number = 0);

// The first interface of a protocol on a handle; null when there is none.
template <class Protocol>
Protocol* protocol_on(const Firmware& firmware, EFI_HANDLE handle, EFI_GUID guid) {
  void* found = nullptr;
  if (handle == nullptr) return nullptr;
  if (firmware.boot->HandleProtocol(handle, &guid, &found) != EFI_SUCCESS) return nullptr;
  return static_cast<Protocol*>(found);
}

// Whether a handle has a protocol, which may be a mark without an interface.
inline bool protocol_installed(const Firmware& firmware, EFI_HANDLE handle, EFI_GUID guid) {
  void* found = nullptr;
  return handle != nullptr && firmware.boot->HandleProtocol(handle, &guid, &found) == EFI_SUCCESS;
}

// A protocol wherever the machine has one; null when there is none.
template <class Protocol>
Protocol* protocol_anywhere(const Firmware& firmware, EFI_GUID guid) {
  void* found = nullptr;
  if (firmware.boot->LocateProtocol(&guid, nullptr, &found) != EFI_SUCCESS) return nullptr;
  return static_cast<Protocol*>(found);
}

}  // namespace efi

#include "tests/boot/faulty/faulty.h"

namespace faulty {

namespace {

EFI_STATUS start_baton(EFI_HANDLE self, EFI_BOOT_SERVICES& services) {
  EFI_GUID loaded_image_id = LOADED_IMAGE_PROTOCOL;
  void* found = nullptr;
  EFI_STATUS status = services.HandleProtocol(self, &loaded_image_id, &found);
  if (EFI_ERROR(status)) return status;
  const EFI_HANDLE volume = static_cast<EFI_LOADED_IMAGE*>(found)->DeviceHandle;

  EFI_HANDLE baton = nullptr;
  EFI_DEVICE_PATH* path = FileDevicePath(volume, utf16(u"\\EFI\\BOOT\\BATON.EFI"));
  status = services.LoadImage(0, self, path, nullptr, 0, &baton);
  if (EFI_ERROR(status)) return status;
  status = services.HandleProtocol(baton, &loaded_image_id, &found);
  if (EFI_ERROR(status)) return status;
  const EFI_BOOT_SERVICES straight = services;
  status = bend(services, *static_cast<EFI_LOADED_IMAGE*>(found));
  if (EFI_ERROR(status)) return status;
  status = services.StartImage(baton, nullptr, nullptr);
  // The firmware goes on without us, so nothing may lead here any more.
  services = straight;
  straighten_files();
  return status;
}

}  // namespace
}  // namespace faulty

extern "C" EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE* system) {
  InitializeLib(self, system);
  const EFI_STATUS status = faulty::start_baton(self, *system->BootServices);
  Print(faulty::utf16(u"faulty: Baton came back: %r\n"), status);
  return status;
}

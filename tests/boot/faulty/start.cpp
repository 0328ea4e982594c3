#include "tests/boot/faulty/faulty.h"

namespace faulty {

namespace {

// What bends may change of the firmware's own, which goes on without us.
class Straight {
 public:
  Straight(EFI_BOOT_SERVICES& services, EFI_FILE_IO_INTERFACE& volume)
      : services_(services), volume_(volume) {}
  Straight(const Straight&) = delete;
  Straight& operator=(const Straight&) = delete;
  ~Straight() {
    *ST = system;
    *ST->ConOut = output;
    *ST->ConIn = input;
    *ST->RuntimeServices = runtime;
    services_ = boot;
    volume_ = file_system;
  }

 private:
  EFI_BOOT_SERVICES& services_;
  EFI_FILE_IO_INTERFACE& volume_;
  const EFI_SYSTEM_TABLE system = *ST;
  const SIMPLE_TEXT_OUTPUT_INTERFACE output = *ST->ConOut;
  const SIMPLE_INPUT_INTERFACE input = *ST->ConIn;
  const EFI_RUNTIME_SERVICES runtime = *ST->RuntimeServices;
  const EFI_BOOT_SERVICES boot = services_;
  const EFI_FILE_IO_INTERFACE file_system = volume_;
};

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
  auto& image = *static_cast<EFI_LOADED_IMAGE*>(found);
  EFI_GUID file_system_id = SIMPLE_FILE_SYSTEM_PROTOCOL;
  status = services.HandleProtocol(volume, &file_system_id, &found);
  if (EFI_ERROR(status)) return status;
  const Straight straight(services, *static_cast<EFI_FILE_IO_INTERFACE*>(found));
  status = bend(services, image);
  return EFI_ERROR(status) ? status : services.StartImage(baton, nullptr, nullptr);
}

}  // namespace
}  // namespace faulty

extern "C" EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE* system) {
  InitializeLib(self, system);
  const EFI_STATUS status = faulty::start_baton(self, *system->BootServices);
  Print(faulty::utf16(u"faulty: Baton came back: %r\n"), status);
  return status;
}

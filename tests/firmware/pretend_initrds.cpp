// A system that asks for the initrds of its boot entry.
#include <string>

#include "efi/protocols/initrd.h"

#include "tests/firmware/services.h"

namespace pretend {
namespace {

// What is installed at last: LoadFile2, whose first member is the function.
using LoadFile2 = EFI_STATUS(EFIAPI*)(void*, EFI_DEVICE_PATH*, BOOLEAN, UINTN*, void*);
LoadFile2* offered = nullptr;

EFI_STATUS EFIAPI locate_device_path(EFI_GUID*, EFI_DEVICE_PATH**, EFI_HANDLE*) {
  return EFI_NOT_FOUND;
}
EFI_STATUS EFIAPI install(EFI_HANDLE*, EFI_GUID*, EFI_INTERFACE_TYPE, void* interface) {
  offered = static_cast<LoadFile2*>(interface);
  return EFI_SUCCESS;
}
EFI_STATUS EFIAPI uninstall(EFI_HANDLE, EFI_GUID*, void*) { return EFI_SUCCESS; }

EFI_STATUS EFIAPI create_no_event(UINT32, EFI_TPL, EFI_EVENT_NOTIFY, void*, EFI_EVENT*) {
  return EFI_OUT_OF_RESOURCES;
}

}  // namespace

Initrds load_initrds(const Files& before, const Files& after) {
  Plan plan;
  plan.files = before;
  Outcome outcome;
  Machine here{plan, outcome};
  machine = &here;
  reset_files();
  EFI_BOOT_SERVICES boot{};
  boot.CreateEvent = create_no_event;  // nobody hears how far it is
  boot.LocateDevicePath = locate_device_path;
  boot.InstallProtocolInterface = install;
  boot.UninstallProtocolInterface = uninstall;
  const efi::Firmware firmware{nullptr, nullptr, &boot};
  EFI_FILE* root = nullptr;
  (void)efi::open_root(&volume, root);
  const efi::Volume files{root};
  Initrds loaded;
  const mm::Printer findings(
      [](void* context, std::string_view text) {
        static_cast<std::string*>(context)->append(text);
      },
      &loaded.said);
  std::vector<std::string_view> paths;
  for (const auto& file : before) paths.push_back(file.first);
  const efi::EntryInitrds initrds{firmware, files, paths, findings};
  efi::Path path("", {});
  efi::OfferedInitrd initrd;
  (void)efi::offer_unread(initrds, path, initrd);
  plan.files = after;
  reset_files();
  loaded.bytes.assign(64, '~');
  EFI_DEVICE_PATH any{};
  UINTN size = loaded.bytes.size();
  loaded.status = (*offered)(offered, &any, 0, &size, loaded.bytes.data());
  loaded.bytes.resize(size);
  return loaded;
}

}  // namespace pretend

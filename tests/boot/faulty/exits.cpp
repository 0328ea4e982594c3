#include "tests/boot/faulty/faulty.h"

namespace faulty {
namespace {

UINTN bad_exits_left = 0;
EFI_BOOT_SERVICES* bent_services = nullptr;
EFI_BOOT_SERVICES true_services;
SIMPLE_TEXT_OUTPUT_INTERFACE true_console;

// A service that may not be called any more. What it is called with does not matter: the calling
// convention has the caller clean up.
EFI_STATUS EFIAPI late_call() {
  say_on_serial_port("faulty: called after ExitBootServices failed\r\n");
  return EFI_UNSUPPORTED;
}

template <class Service>
void forbid(Service& service) {
  service = reinterpret_cast<Service>(reinterpret_cast<void*>(late_call));
}

void forbid_all_but_the_map() {
  EFI_BOOT_SERVICES& services = *bent_services;
  forbid(services.AllocatePages);
  forbid(services.FreePages);
  forbid(services.AllocatePool);
  forbid(services.FreePool);
  forbid(services.HandleProtocol);
  forbid(services.OpenProtocol);
  forbid(services.CloseProtocol);
  forbid(services.LocateHandle);
  forbid(services.LocateHandleBuffer);
  forbid(services.LocateProtocol);
  forbid(services.CreateEvent);
  forbid(services.WaitForEvent);
  forbid(services.Stall);
  forbid(services.SetWatchdogTimer);
  forbid(services.Exit);
  forbid(ST->ConOut->OutputString);
  forbid(ST->ConOut->Reset);
}

EFI_STATUS EFIAPI bent_exit(EFI_HANDLE image, UINTN key) {
  // The firmware's own parts may be called while it is about it, and call one another.
  *bent_services = true_services;
  *ST->ConOut = true_console;
  if (bad_exits_left == 0) return true_services.ExitBootServices(image, key);
  --bad_exits_left;
  // Really stale: the map has one allocation more than the caller has seen.
  EFI_PHYSICAL_ADDRESS page = 0;
  (void)true_services.AllocatePages(AllocateAnyPages, EfiBootServicesData, 1, &page);
  const EFI_STATUS status = true_services.ExitBootServices(image, key);
  bent_services->ExitBootServices = bent_exit;
  forbid_all_but_the_map();
  return status;
}

}  // namespace

void bend_exit(EFI_BOOT_SERVICES& services, UINTN times) {
  bad_exits_left = times;
  bent_services = &services;
  true_services = services;
  true_console = *ST->ConOut;
  services.ExitBootServices = bent_exit;
}

}  // namespace faulty

// shim as it was before version 16: a machine is let go only when it has been asked about something.
#include "tests/boot/faulty/faulty.h"

namespace faulty {
namespace {

bool asked = false;

// With the compiler's calling convention.
struct ShimLock {
  EFI_STATUS (*verify)(const void* buffer, UINT32 size);
};

EFI_STATUS verify(const void* /*buffer*/, UINT32 /*size*/) {
  if (!asked) Print(utf16(u"faulty: shim was asked\n"));
  asked = true;
  return EFI_SECURITY_VIOLATION;
}

ShimLock protocol{verify};
EFI_EXIT_BOOT_SERVICES true_exit = nullptr;

EFI_STATUS EFIAPI bent_exit(EFI_HANDLE image, UINTN key) {
  return asked ? true_exit(image, key) : EFI_SECURITY_VIOLATION;
}

}  // namespace

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  EFI_GUID id = {0x605dab50, 0xe046, 0x4300, {0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23}};
  EFI_HANDLE handle = nullptr;
  const EFI_STATUS status =
      services.InstallProtocolInterface(&handle, &id, EFI_NATIVE_INTERFACE, &protocol);
  if (EFI_ERROR(status)) return status;
  true_exit = services.ExitBootServices;
  services.ExitBootServices = bent_exit;
  return seal(services);
}

}  // namespace faulty

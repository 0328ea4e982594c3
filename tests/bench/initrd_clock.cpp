// What it takes a boot loader to bring an initrd to the system that it starts, in ticks of the CPU's
// counter: this program is started by the firmware, starts the loader (\EFI\loader.efi), and is the system
// that the loader starts then. It takes its initrd as Linux's EFI stub does: by LoadFile2, or else from
// the volume, by the words initrd= of its options, 1 MiB at a time (drivers/firmware/efi/libstub).
//
// On the firmware's console: `initrd: BYTES bytes by WAY, sum SUM, TICKS ticks`, the sum being that of the
// content's words of 64 bits.
#include "tests/boot/faulty/faulty.h"

namespace {

using faulty::utf16;

EFI_GUID own_id = {0x5f3c9d52, 0x7bb4, 0x4e0e, {0x9d, 0x8e, 0x21, 0x6b, 0x0c, 0x11, 0xa7, 0x42}};
EFI_GUID loaded_image_id = LOADED_IMAGE_PROTOCOL;
EFI_GUID load_file2_id = {
    0x4006c0c1, 0xfcb3, 0x403e, {0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d}};
struct {
  UINT8 vendor_node[4] = {4, 3, 20, 0};
  EFI_GUID vendor = {0x5568e427, 0x68fc, 0x4f3d, {0xac, 0x74, 0xca, 0x55, 0x52, 0x31, 0xcc, 0x68}};
  UINT8 end[4] = {0x7f, 0xff, 4, 0};
} initrd_path;

struct LoadFile2 {
  EFI_STATUS(EFIAPI* load)(LoadFile2*, EFI_DEVICE_PATH*, BOOLEAN, UINTN*, void*);
};

UINT64 ticks() { return __builtin_ia32_rdtsc(); }

struct Initrd {
  void* bytes = nullptr;
  UINTN size = 0;
  const char* way = "nothing";
};

EFI_STATUS allocate(EFI_BOOT_SERVICES& services, Initrd& initrd) {
  EFI_PHYSICAL_ADDRESS at = 0;
  const EFI_STATUS status = services.AllocatePages(
      AllocateAnyPages, EfiLoaderData, (initrd.size + EFI_PAGE_SIZE) / EFI_PAGE_SIZE, &at);
  initrd.bytes = reinterpret_cast<void*>(at);
  return status;
}

EFI_STATUS by_load_file2(EFI_BOOT_SERVICES& services, Initrd& initrd) {
  auto* path = reinterpret_cast<EFI_DEVICE_PATH*>(&initrd_path);
  EFI_HANDLE handle = nullptr;
  EFI_STATUS status = services.LocateDevicePath(&load_file2_id, &path, &handle);
  if (EFI_ERROR(status)) return status;
  void* found = nullptr;
  status = services.HandleProtocol(handle, &load_file2_id, &found);
  if (EFI_ERROR(status)) return status;
  auto* const file = static_cast<LoadFile2*>(found);
  status = file->load(file, path, FALSE, &initrd.size, nullptr);
  if (status != EFI_BUFFER_TOO_SMALL) return status;
  status = allocate(services, initrd);
  if (EFI_ERROR(status)) return status;
  initrd.way = "LoadFile2";
  return file->load(file, path, FALSE, &initrd.size, initrd.bytes);
}

// The path behind the first initrd=; null: there is none. It ends at a blank.
CHAR16* named_initrd(EFI_LOADED_IMAGE& self) {
  auto* options = static_cast<CHAR16*>(self.LoadOptions);
  const UINTN length = self.LoadOptionsSize / sizeof(CHAR16);
  const CHAR16* const word = utf16(u"initrd=");
  for (UINTN at = 0; at + 7 < length; ++at) {
    UINTN same = 0;
    while (same < 7 && options[at + same] == word[same]) ++same;
    if (same < 7) continue;
    for (UINTN end = at + 7; end < length; ++end) {
      if (options[end] == L' ' || options[end] == 0) {
        options[end] = 0;
        return options + at + 7;
      }
    }
  }
  return nullptr;
}

EFI_STATUS from_volume(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& self, Initrd& initrd) {
  CHAR16* const path = named_initrd(self);
  if (path == nullptr) return EFI_NOT_FOUND;
  EFI_FILE* const root = LibOpenRoot(self.DeviceHandle);
  EFI_FILE* file = nullptr;
  EFI_STATUS status = root->Open(root, &file, path, EFI_FILE_MODE_READ, 0);
  if (EFI_ERROR(status)) return status;
  EFI_FILE_INFO* const info = LibFileInfo(file);
  initrd.size = static_cast<UINTN>(info->FileSize);
  status = allocate(services, initrd);
  if (EFI_ERROR(status)) return status;
  initrd.way = "its words";
  for (UINTN done = 0; done < initrd.size;) {
    UINTN piece = initrd.size - done < 0x100000 ? initrd.size - done : 0x100000;
    status = file->Read(file, &piece, static_cast<UINT8*>(initrd.bytes) + done);
    if (EFI_ERROR(status)) return status;
    done += piece;
  }
  return EFI_SUCCESS;
}

EFI_STATUS start_loader(EFI_HANDLE self, EFI_SYSTEM_TABLE& system, EFI_HANDLE volume) {
  EFI_HANDLE loader = nullptr;
  EFI_DEVICE_PATH* path = FileDevicePath(volume, utf16(u"\\EFI\\loader.efi"));
  const EFI_STATUS status = system.BootServices->LoadImage(0, self, path, nullptr, 0, &loader);
  if (EFI_ERROR(status)) return status;
  UINT64 began = ticks();
  system.RuntimeServices->SetVariable(utf16(u"Began"), &own_id, EFI_VARIABLE_BOOTSERVICE_ACCESS,
                                      sizeof began, &began);
  return system.BootServices->StartImage(loader, nullptr, nullptr);
}

EFI_STATUS be_the_system(EFI_SYSTEM_TABLE& system, EFI_LOADED_IMAGE& self, UINT64 began) {
  Initrd initrd;
  EFI_STATUS status = by_load_file2(*system.BootServices, initrd);
  if (EFI_ERROR(status)) status = from_volume(*system.BootServices, self, initrd);
  const UINT64 ended = ticks();
  if (EFI_ERROR(status)) return status;
  UINT64 sum = 0;
  for (UINTN i = 0; i < initrd.size / 8; ++i) sum += static_cast<UINT64*>(initrd.bytes)[i];
  Print(utf16(u"\ninitrd: %ld bytes by %a, sum %lx, %ld ticks\n"), initrd.size, initrd.way, sum,
        ended - began);
  return EFI_SUCCESS;
}

}  // namespace

extern "C" EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE* system) {
  InitializeLib(self, system);
  void* found = nullptr;
  EFI_STATUS status = system->BootServices->HandleProtocol(self, &loaded_image_id, &found);
  if (EFI_ERROR(status)) return status;
  auto* const image = static_cast<EFI_LOADED_IMAGE*>(found);
  UINT64 began = 0;
  UINTN size = sizeof began;
  status = system->RuntimeServices->GetVariable(utf16(u"Began"), &own_id, nullptr, &size, &began);
  status = EFI_ERROR(status) ? start_loader(self, *system, image->DeviceHandle)
                             : be_the_system(*system, *image, began);
  if (EFI_ERROR(status)) Print(utf16(u"\ninitrd: %r\n"), status);
  system->RuntimeServices->ResetSystem(EfiResetShutdown, status, 0, nullptr);
  return status;
}

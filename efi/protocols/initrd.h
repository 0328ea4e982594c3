// An initrd in memory, for the EFI stub of a Linux that is started: by LoadFile2 on the vendor media
// path that Linux agreed on (LINUX_EFI_INITRD_MEDIA_GUID, Linux's Documentation/admin-guide/efi-stub.rst;
// UEFI 2.10 section 13.2).
#pragma once

#include "efi/boot_entries.h"
#include "efi/files.h"
#include "efi/firmware.h"
#include "efi/memory.h"
#include "efi/trust.h"
#include "mm/result.h"

namespace efi {

// Offers it as long as this lives.
class OfferedInitrd {
 public:
  OfferedInitrd() = default;
  OfferedInitrd(const OfferedInitrd&) = delete;
  OfferedInitrd& operator=(const OfferedInitrd&) = delete;
  ~OfferedInitrd();

  // `size` bytes of `pages`; none: nothing is offered. Another loader's, which is there already, is an
  // error, as it would be taken in its place.
  mm::Result<> offer(const Firmware& firmware, Pages pages, uint64_t size);

 private:
  // What the firmware knows: it hands the first member's address back.
  struct Offer {
    EFI_STATUS(EFIAPI* load_file)(Offer*, EFI_DEVICE_PATH*, BOOLEAN, UINTN* size, void* buffer);
    const void* bytes;
    uint64_t size;
  };
  static EFI_STATUS EFIAPI load(Offer* offer, EFI_DEVICE_PATH* path, BOOLEAN boot_policy,
                                UINTN* size, void* buffer);

  EFI_BOOT_SERVICES* boot_ = nullptr;
  EFI_HANDLE handle_ = nullptr;
  Pages pages_;
  Offer offer_{};
};

// An entry's initrds, all of which must be covered, one behind the other, each at a multiple of 4 bytes as
// Linux wants it. `path`, the subject of errors, is the one that was last looked at.
mm::Result<> offer_initrds(const Firmware& firmware, const Volume& volume, const Trust& trust,
                           const loader::BootEntry& entry, Path& path, OfferedInitrd& offered);

}  // namespace efi

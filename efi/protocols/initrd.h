// An initrd in memory, for the EFI stub of a Linux that is started: by LoadFile2 on the vendor media
// path that Linux agreed on (LINUX_EFI_INITRD_MEDIA_GUID, Linux's Documentation/admin-guide/efi-stub.rst;
// UEFI 2.10 section 13.2).
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "efi/boot_entries.h"
#include "efi/files.h"
#include "efi/firmware.h"
#include "efi/memory.h"
#include "efi/trust.h"
#include "mm/result.h"

namespace efi {

// An entry's initrds on their volume, all that is needed to read them one behind the other, each at a
// multiple of 4 bytes as Linux wants it. What they refer to must live as long as they are offered.
struct EntryInitrds {
  using Sizes =
      std::array<uint64_t, loader::BootEntry::kMaxPieces>;  // bytes, by their places in `paths`

  const Firmware& firmware;
  const Volume& volume;
  std::span<const std::string_view> paths;
  const mm::Printer& findings;
};

// Offers an initrd as long as this lives.
class OfferedInitrd {
 public:
  OfferedInitrd() = default;
  OfferedInitrd(const OfferedInitrd&) = delete;
  OfferedInitrd& operator=(const OfferedInitrd&) = delete;
  ~OfferedInitrd();

  // `size` bytes of `pages`; none: nothing is offered. Another loader's, which is there already, is an
  // error, as it would be taken in its place.
  mm::Result<> offer(const Firmware& firmware, Pages pages, uint64_t size);
  // The same, but nothing is read before the system asks, and then into the memory that it has for it:
  // no byte is copied. That something cannot be read, or is not as long any more as its size here says, is
  // told in the findings, too.
  mm::Result<> offer(const EntryInitrds& initrds, const EntryInitrds::Sizes& sizes);

 private:
  // What the firmware knows: it hands the first member's address back.
  struct Offer {
    EFI_STATUS(EFIAPI* load_file)(Offer*, EFI_DEVICE_PATH*, BOOLEAN, UINTN* size, void* buffer);
    const void* bytes;  // null: they are read from `initrds`
    const EntryInitrds* initrds;
    uint64_t size;
    EntryInitrds::Sizes sizes;
  };
  static EFI_STATUS EFIAPI load(Offer* offer, EFI_DEVICE_PATH* path, BOOLEAN boot_policy,
                                UINTN* size, void* buffer);
  mm::Result<> install(const Firmware& firmware);

  EFI_BOOT_SERVICES* boot_ = nullptr;
  EFI_HANDLE handle_ = nullptr;
  Pages pages_;
  Offer offer_{};
};

// Covered ones, from the memory in which they were checked. `path`, the subject of errors, is the one that
// was last looked at.
mm::Result<> offer_covered(const EntryInitrds& initrds, const Trust& trust, Path& path,
                           OfferedInitrd& offered);
// Where nothing needs to be checked.
mm::Result<> offer_unread(const EntryInitrds& initrds, Path& path, OfferedInitrd& offered);

}  // namespace efi

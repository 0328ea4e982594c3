#include "efi/protocols/initrd.h"

#include <array>
#include <cstring>
#include <span>

namespace efi {
namespace {

EFI_GUID device_path_id = EFI_DEVICE_PATH_PROTOCOL_GUID;
EFI_GUID load_file2_id = {
    0x4006c0c1, 0xfcb3, 0x403e, {0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d}};

// A vendor's media node (type 4, subtype 3) with Linux's GUID, and the end.
struct InitrdPath {
  uint8_t vendor_node[4] = {4, 3, 20, 0};
  EFI_GUID vendor = {0x5568e427, 0x68fc, 0x4f3d, {0xac, 0x74, 0xca, 0x55, 0x52, 0x31, 0xcc, 0x68}};
  uint8_t end[4] = {0x7f, 0xff, 4, 0};
};
static_assert(sizeof(InitrdPath) == 24);
InitrdPath initrd_path;  // the firmware's services take no pointers to constants

}  // namespace

EFI_STATUS EFIAPI OfferedInitrd::load(Offer* offer, EFI_DEVICE_PATH* path, BOOLEAN boot_policy,
                                      UINTN* size, void* buffer) {
  if (offer == nullptr || path == nullptr || size == nullptr) return EFI_INVALID_PARAMETER;
  if (boot_policy != 0) return EFI_UNSUPPORTED;
  const UINTN room = *size;
  *size = static_cast<UINTN>(offer->size);
  if (buffer == nullptr || room < offer->size) return EFI_BUFFER_TOO_SMALL;
  std::memcpy(buffer, offer->bytes, static_cast<size_t>(offer->size));
  return EFI_SUCCESS;
}

mm::Result<> OfferedInitrd::offer(const Firmware& firmware, Pages pages, uint64_t size) {
  if (size == 0) return {};
  auto* path = reinterpret_cast<EFI_DEVICE_PATH*>(&initrd_path);
  EFI_HANDLE there = nullptr;
  if (firmware.boot->LocateDevicePath(&load_file2_id, &path, &there) == EFI_SUCCESS) {
    return mm::Error{"somebody else offers one already", "initrd"};
  }
  pages_ = std::move(pages);
  offer_ = {&load, pages_.as<void>(), size};
  EFI_STATUS status = firmware.boot->InstallProtocolInterface(&handle_, &device_path_id,
                                                              EFI_NATIVE_INTERFACE, &initrd_path);
  if (status != EFI_SUCCESS) return failed("cannot be offered", "initrd", status);
  boot_ = firmware.boot;
  status = boot_->InstallProtocolInterface(&handle_, &load_file2_id, EFI_NATIVE_INTERFACE, &offer_);
  if (status != EFI_SUCCESS) return failed("cannot be offered", "initrd", status);
  return {};
}

OfferedInitrd::~OfferedInitrd() {
  if (boot_ == nullptr) return;
  boot_->UninstallProtocolInterface(handle_, &load_file2_id, &offer_);
  boot_->UninstallProtocolInterface(handle_, &device_path_id, &initrd_path);
}

mm::Result<> offer_initrds(const Firmware& firmware, const Volume& volume, const Trust& trust,
                           const loader::BootEntry& entry, Path& path, OfferedInitrd& offered) {
  std::array<File, loader::BootEntry::kMaxPieces> files;
  uint64_t size = 0;
  for (size_t i = 0; i < entry.initrd_count; ++i) {
    if (entry.initrds[i].size() >= kMaxEntryPath) {
      return mm::Error{"its path is too long (characters {}, most {})", "initrd",
                       entry.initrds[i].size(), kMaxEntryPath - 1};
    }
    path = Path("", entry.initrds[i]);
    files[i] = BATON_TRY(volume.read(firmware, path.text.data()));
    BATON_TRY(trust.check(files[i], path.text.data()));
    size += mm::align_up(uint64_t{files[i].size}, 4);
  }
  if (size == 0) return {};
  Pages all = BATON_TRY(allocate_zeroed(firmware, size, "initrd"));
  auto* at = all.as<uint8_t>();
  for (const File& file : std::span(files).first(entry.initrd_count)) {
    if (file.size != 0) std::memcpy(at, file.bytes().data(), file.size);
    at += mm::align_up(uint64_t{file.size}, 4);
  }
  return offered.offer(firmware, std::move(all), size);
}

}  // namespace efi

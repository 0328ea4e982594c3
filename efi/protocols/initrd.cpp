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

mm::Result<> to_path(std::string_view initrd, Path& path) {
  if (initrd.size() >= kMaxEntryPath) {
    return mm::Error{"its path is too long (characters {}, most {})", "initrd", initrd.size(),
                     kMaxEntryPath - 1};
  }
  path = Path("", initrd);
  return {};
}

uint64_t room_for(uint64_t size) { return mm::align_up(size, 4); }

uint64_t room_for(const EntryInitrds::Sizes& sizes) {
  uint64_t room = 0;
  for (const uint64_t size : sizes) room += room_for(size);
  return room;
}

// All of them, to where there is room for these sizes; one of another size now is an error.
mm::Result<> read_initrds(const EntryInitrds& initrds, const EntryInitrds::Sizes& sizes,
                          std::span<uint8_t> to, Path& path) {
  for (size_t i = 0; i < initrds.paths.size(); ++i) {
    BATON_TRY(to_path(initrds.paths[i], path));
    const auto bytes = to.first(static_cast<size_t>(sizes[i]));
    BATON_TRY(initrds.volume.read_to(initrds.firmware, path.text.data(), bytes, initrds.findings));
    to = to.subspan(bytes.size());
    for (; to.size() % 4 != 0; to = to.subspan(1)) to.front() = 0;
  }
  return {};
}

}  // namespace

EFI_STATUS EFIAPI OfferedInitrd::load(Offer* offer, EFI_DEVICE_PATH* path, BOOLEAN boot_policy,
                                      UINTN* size, void* buffer) {
  if (offer == nullptr || path == nullptr || size == nullptr) return EFI_INVALID_PARAMETER;
  if (boot_policy != 0) return EFI_UNSUPPORTED;
  const UINTN room = *size;
  *size = static_cast<UINTN>(offer->size);
  if (buffer == nullptr || room < offer->size) return EFI_BUFFER_TOO_SMALL;
  const auto length = static_cast<size_t>(offer->size);
  if (offer->bytes != nullptr) {
    std::memcpy(buffer, offer->bytes, length);
    return EFI_SUCCESS;
  }
  Path subject("", {});
  const auto read =
      read_initrds(*offer->initrds, offer->sizes, {static_cast<uint8_t*>(buffer), length}, subject);
  if (read.ok()) return EFI_SUCCESS;
  offer->initrds->findings.error("initrd", read.error());
  return EFI_DEVICE_ERROR;
}

mm::Result<> OfferedInitrd::offer(const Firmware& firmware, Pages pages, uint64_t size) {
  if (size == 0) return {};
  pages_ = std::move(pages);
  offer_ = {&load, pages_.as<void>(), nullptr, size, {}};
  return install(firmware);
}

mm::Result<> OfferedInitrd::offer(const EntryInitrds& initrds, const EntryInitrds::Sizes& sizes) {
  const uint64_t size = room_for(sizes);
  if (size == 0) return {};
  offer_ = {&load, nullptr, &initrds, size, sizes};
  return install(initrds.firmware);
}

mm::Result<> OfferedInitrd::install(const Firmware& firmware) {
  auto* path = reinterpret_cast<EFI_DEVICE_PATH*>(&initrd_path);
  EFI_HANDLE there = nullptr;
  if (firmware.boot->LocateDevicePath(&load_file2_id, &path, &there) == EFI_SUCCESS) {
    return mm::Error{"somebody else offers one already", "initrd"};
  }
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

mm::Result<> offer_covered(const EntryInitrds& initrds, const Trust& trust, Path& path,
                           OfferedInitrd& offered) {
  std::array<File, loader::BootEntry::kMaxPieces> files;
  uint64_t size = 0;
  for (size_t i = 0; i < initrds.paths.size(); ++i) {
    BATON_TRY(to_path(initrds.paths[i], path));
    files[i] = BATON_TRY(initrds.volume.read(initrds.firmware, path.text.data(), initrds.findings));
    BATON_TRY(trust.check(files[i], path.text.data()));
    size += room_for(files[i].size);
  }
  if (size == 0) return {};
  Pages all = BATON_TRY(allocate_zeroed(initrds.firmware, size, "initrd"));
  auto* at = all.as<uint8_t>();
  for (const File& file : std::span(files).first(initrds.paths.size())) {
    if (file.size != 0) std::memcpy(at, file.bytes().data(), file.size);
    at += room_for(file.size);
  }
  return offered.offer(initrds.firmware, std::move(all), size);
}

mm::Result<> offer_unread(const EntryInitrds& initrds, Path& path, OfferedInitrd& offered) {
  EntryInitrds::Sizes sizes{};
  for (size_t i = 0; i < initrds.paths.size(); ++i) {
    BATON_TRY(to_path(initrds.paths[i], path));
    sizes[i] = BATON_TRY(initrds.volume.size_of(path.text.data()));
  }
  return offered.offer(initrds, sizes);
}

}  // namespace efi

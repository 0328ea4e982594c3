#include "efi/memory_map.h"

#include <algorithm>
#include <utility>

namespace efi {

EFI_STATUS MemoryMap::fetch(const Firmware& firmware) {
  const auto room = static_cast<UINTN>(buffer_.size());
  size_ = room;
  const EFI_STATUS status = firmware.boot->GetMemoryMap(&size_, buffer_.as<EFI_MEMORY_DESCRIPTOR>(),
                                                        &key_, &stride_, &version_);
  // More than there was room for cannot have been written.
  return status == EFI_SUCCESS && size_ > room ? EFI_BUFFER_TOO_SMALL : status;
}

mm::Result<MemoryMap> get_memory_map(const Firmware& firmware) {
  const char* const what = "the firmware's memory map";
  constexpr uint64_t kFirstRoom = 4 * mm::kKiB, kMostRoom = 64 * mm::kMiB;
  constexpr uint64_t kUsualStride = 48;  // EDK II's
  MemoryMap map;
  uint64_t room = kFirstRoom;
  // With no buffer at all the firmware answers how large it must be. What else it then fills in,
  // and even that size, is left open enough that some leaves all of it alone, or refuses to be
  // asked without a buffer; and the map may grow until there is one. So the rest is trying.
  EFI_STATUS status = map.fetch(firmware);
  do {
    if (status != EFI_BUFFER_TOO_SMALL && map.buffer_.size() != 0) break;
    const uint64_t stride = std::clamp<uint64_t>(map.stride_, kUsualStride, mm::kPageSize);
    const uint64_t told = map.size_ <= kMostRoom ? map.size_ : 0;
    const uint64_t wanted = std::max(told + MemoryMap::kSlack * stride, room);
    map.buffer_ = {};  // first, as giving it back changes the map too
    map.buffer_ = BATON_TRY(allocate(firmware, wanted, what));
    room = 2 * map.buffer_.size();
    status = map.fetch(firmware);
  } while (status == EFI_BUFFER_TOO_SMALL && room <= kMostRoom);
  if (status != EFI_SUCCESS) {
    return failed("cannot be fetched (room for {} bytes)", what, status, map.buffer_.size());
  }
  BATON_TRY(map.view().check());
  return map;
}

mm::Phys find_first_ram(const Firmware& firmware) {
  EFI_BOOT_SERVICES& boot = *firmware.boot;
  constexpr unsigned kTries = 4;  // a pool that is taken may split a descriptor
  UINTN size = 0, key = 0, stride = 0;
  UINT32 version = 0;
  EFI_STATUS status = boot.GetMemoryMap(&size, nullptr, &key, &stride, &version);
  for (unsigned i = 0; i < kTries && status == EFI_BUFFER_TOO_SMALL; ++i) {
    size += 2 * MemoryMap::kSlack;
    void* room = nullptr;
    const UINTN asked = size;
    if (boot.AllocatePool(EfiLoaderData, asked, &room) != EFI_SUCCESS || room == nullptr) break;
    status = boot.GetMemoryMap(&size, static_cast<EFI_MEMORY_DESCRIPTOR*>(room), &key, &stride,
                               &version);
    const loader::EfiMemoryMap map{{static_cast<const std::byte*>(room), size}, stride};
    const mm::Phys first = status == EFI_SUCCESS && size <= asked && map.check().ok()
                               ? loader::first_ram(map)
                               : mm::Phys{};
    boot.FreePool(room);
    if (status == EFI_SUCCESS) return first;
  }
  return {};
}

Farewell exit_boot_services(const Firmware& firmware, MemoryMap& map) {
  Farewell farewell;
  while (farewell.tries < kExitTries) {
    farewell.status = map.fetch(firmware);
    if (farewell.status != EFI_SUCCESS) {
      farewell.failed_call = "GetMemoryMap";
      return farewell;
    }
    farewell.attempted = true;
    ++farewell.tries;
    farewell.status = firmware.boot->ExitBootServices(firmware.image, map.key());
    if (farewell.status == EFI_SUCCESS) {
      farewell.left = true;
      return farewell;
    }
    farewell.failed_call = "ExitBootServices";
  }
  return farewell;
}

}  // namespace efi

#include "efi/memory_map.h"

#include <utility>

namespace efi {

EFI_STATUS MemoryMap::fetch(const Firmware& firmware) {
  size_ = buffer_.size();
  return firmware.boot->GetMemoryMap(&size_, buffer_.as<EFI_MEMORY_DESCRIPTOR>(), &key_, &stride_,
                                     &version_);
}

mm::Result<MemoryMap> get_memory_map(const Firmware& firmware) {
  const char* const what = "the firmware's memory map";
  MemoryMap map;
  // With no buffer at all the firmware answers how large it must be.
  EFI_STATUS status = map.fetch(firmware);
  if (status != EFI_BUFFER_TOO_SMALL) return failed("its size cannot be found out", what, status);
  if (map.stride_ < sizeof(loader::EfiDescriptor)) {
    return mm::Error{"descriptors smaller than the specification's (bytes, wanted)", what,
                     map.stride_, sizeof(loader::EfiDescriptor)};
  }
  map.buffer_ = BATON_TRY(allocate(firmware, map.size_ + MemoryMap::kSlack * map.stride_, what));
  status = map.fetch(firmware);
  if (status != EFI_SUCCESS) return failed("cannot be fetched", what, status);
  BATON_TRY(map.view().check());
  return map;
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

#include "tests/boot/faulty/faulty.h"

namespace faulty {

EFI_GET_MEMORY_MAP true_get_memory_map = nullptr;

EFI_STATUS bend_memory_map(EFI_BOOT_SERVICES& services, EFI_GET_MEMORY_MAP bent) {
  true_get_memory_map = services.GetMemoryMap;
  services.GetMemoryMap = bent;
  return seal(services);
}

}  // namespace faulty

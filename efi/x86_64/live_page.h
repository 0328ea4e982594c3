// How the firmware's page tables, which are in use, map an address (Intel SDM vol. 3A, chapter 4).
#pragma once

#include <cstdint>
#include <optional>

namespace efi {

struct LivePermissions {
  bool writable = false, executable = false;
};

// Nothing: not mapped.
[[nodiscard]] std::optional<LivePermissions> live_page(uint64_t address);

}  // namespace efi

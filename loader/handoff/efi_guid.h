// EFI_GUID as it lies in memory, and the owner of the variables that UEFI itself defines: both
// sides of the jump read and write them.
#pragma once

#include <array>
#include <cstdint>

namespace loader {

struct EfiGuid {
  uint32_t a;
  uint16_t b, c;
  std::array<uint8_t, 8> d;
  friend bool operator==(const EfiGuid&, const EfiGuid&) = default;
};
static_assert(sizeof(EfiGuid) == 16);

// EFI_GLOBAL_VARIABLE, UEFI 2.10 section 3.3.
inline constexpr EfiGuid kGlobalVariables{
    0x8be4df61, 0x93ca, 0x11d2, {0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c}};

}  // namespace loader

// The CRC32 of ISO 3309, as Ethernet's and UEFI's (UEFI 2.10 section 4.2).
#pragma once

#include <cstdint>
#include <span>

namespace loader {

// `before`: of the bytes in front of these.
[[nodiscard]] constexpr uint32_t crc32(std::span<const uint8_t> bytes, uint32_t before = 0) {
  uint32_t crc = ~before;
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb8'8320U : 0U);
  }
  return ~crc;
}

}  // namespace loader

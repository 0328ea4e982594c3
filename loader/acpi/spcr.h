// SPCR: the serial console the firmware uses (Microsoft's "Serial Port Console Redirection Table").
#pragma once

#include <cstdint>
#include <span>

#include "mm/result.h"

namespace loader {

struct SpcrPort {
  uint16_t port = 0;   // I/O port of a 16550; 0: it is none
  uint64_t pl011 = 0;  // physical address of an Arm PL011's registers; 0: it is none
  uint32_t baud = 0;   // 0: as the firmware set it
};

// Fails, saying why, when the table is too short or names a console that is neither a 16550 at an
// I/O port nor a PL011 in memory.
mm::Result<SpcrPort> parse_spcr(std::span<const uint8_t> table);

}  // namespace loader

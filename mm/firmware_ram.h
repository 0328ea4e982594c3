// RAM between the firmware's own list and e820: the ledger's first part.
//
// The loader makes e820 out of the firmware's list. Here both are held against each other, by
// nothing that the loader uses: all that the firmware calls usable is usable in e820 or has a
// reason not to be, and e820 calls nothing else so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "mm/e820.h"
#include "mm/types.h"

namespace mm {

// What the firmware says of a range. One that cannot be right (above the 52-bit physical address
// space, say) is empty.
struct FirmwareClaim {
  Range range;
  bool usable = false;
};

// The list as it stands: in any order, overlapping or not.
struct FirmwareClaims {
  size_t count = 0;
  FirmwareClaim (*at)(const void* context, size_t index) = nullptr;
  const void* context = nullptr;
};

// Entries as a firmware's list: that of a log, which has no other. The span outlives what is made.
[[nodiscard]] FirmwareClaims claims_of(const std::span<const E820Entry>& entries);

// In bytes; claimed = twice + stricter + lost + usable - invented.
struct FirmwareRam {
  uint64_t claimed = 0;       // what usable claims come to, each for itself
  uint64_t unbelievable = 0;  // usable claims that are empty; not bytes, they have none
  uint64_t twice = 0;         // of it, what an earlier usable claim has, too
  uint64_t stricter = 0;      // not usable in e820, and also claimed to be something else
  uint64_t lost = 0;          // not usable in e820, and nobody says why
  uint64_t usable = 0;        // in e820
  uint64_t invented = 0;      // of it, what no claim calls usable
  Range first_lost;           // where the first of it is
  Range first_invented;
};

// `e820` is as the loader made it, before anything was trimmed or changed. Costs by claims and
// entries; by the square of claims only where they are not in ascending order.
[[nodiscard]] FirmwareRam account_firmware_ram(const FirmwareClaims& claims, const E820Table& e820);

}  // namespace mm

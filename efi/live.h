// What the firmware's page tables, which are in use, let be read. Only before exit.
#pragma once

#include "efi/arch.h"
#include "mm/types.h"

namespace efi {

// Whether all of it is mapped; what wraps is not.
inline bool mapped(mm::Range range) {
  if (range.end < range.start) return false;
  for (mm::Phys at = mm::align_down(range.start, mm::kPageSize); at < range.end;
       at += mm::kPageSize) {
    if (!live_page(at.v)) return false;
  }
  return true;
}

}  // namespace efi

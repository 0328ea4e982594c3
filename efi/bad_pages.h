// Pages that are known to be bad, kept from whatever is started: taken from the firmware as unusable
// memory before anything else is, so that every operating system finds them so in its map.
#pragma once

#include <span>

#include "efi/directory.h"
#include "efi/files.h"
#include "efi/firmware.h"
#include "efi/memory.h"
#include "efi/tpm.h"
#include "mm/print.h"
#include "mm/types.h"

namespace efi {

// Bad pages that the firmware itself has, and so could not be kept from others; Baton's own kernel does
// without them too.
struct HeldBadPages {
  Pages storage;
  size_t count = 0;

  [[nodiscard]] std::span<const mm::Range> ranges() const {
    return {storage.as<const mm::Range>(), count};
  }
};

// All ranges that are known, whoever says so: ascending, disjoint and not touching.
struct BadPageList {
  Pages storage;
  size_t count = 0;

  [[nodiscard]] std::span<const mm::Range> ranges() const {
    return {storage.as<const mm::Range>(), count};
  }
};

// Adds what the last run found to \baton\badpages.txt, and reads what is listed there and in
// `by_hand` (loader/bad_pages.h). `own` is the directory \baton, if there is one. What was done, or why
// it could not be, goes to `out`, here and below; nothing of it keeps Baton from starting.
BadPageList read_bad_pages(const Firmware& firmware, const Volume& volume, const Tpm& tpm,
                           const mm::Result<Directory>& own, const char* by_hand,
                           const mm::Printer& out);
// Takes what is listed from the firmware for good: it stays taken also when Baton goes back to it.
// The list ends with it, as it may itself lie on a bad page.
HeldBadPages withhold_bad_pages(const Firmware& firmware, BadPageList listed,
                                const mm::Printer& out);

}  // namespace efi

// The firmware's memory map, kept on the ESP from start to start, and what has moved since.
#pragma once

#include <span>

#include "efi/directory.h"
#include "efi/files.h"
#include "efi/firmware.h"
#include "efi/memory.h"
#include "efi/sheet.h"
#include "loader/map_record.h"
#include "mm/print.h"

namespace efi {

struct MapOverBoots {
  bool known = false;  // whether an earlier start's map is there
  Pages storage;
  size_t count = 0;
  Text text;  // what has moved, for people; empty when nothing is known

  [[nodiscard]] std::span<const loader::MapChange> changes() const {
    return {storage.as<const loader::MapChange>(), count};
  }
};

// Compares the map with that in `own` (\baton; without that folder nothing is kept, and nothing is
// done), says what has moved, and writes it there when it is another. To be called before anything is
// taken for good (efi/bad_pages.h); what an earlier start took is `listed`. What could not be done
// goes to `out`; nothing of it keeps Baton from starting.
MapOverBoots compare_with_last_boot(const Firmware& firmware, const Volume& volume,
                                    const Directory& own, std::span<const mm::Range> listed,
                                    const mm::Printer& out);

}  // namespace efi

// The Boot Loader Interface on the firmware's variables (loader/menu/boot_loader_interface.h). They are
// only read where there are entries to choose from, and only written before another system is started.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "efi/firmware.h"
#include "loader/menu/boot_entries.h"
#include "mm/print.h"

namespace efi {

// What the system that ran last asks the menu for. What is for one start is deleted as it is read;
// what cannot be taken is named in `findings`.
struct AskedEntries {
  std::array<char, 128> one_shot{}, preferred{};  // patterns; empty: none
};
AskedEntries asked_entries(const Firmware& firmware, const mm::Printer& findings);
// Seconds, or MenuConfig::kForEver; nothing: loader.conf's counts.
std::optional<uint32_t> asked_timeout(const Firmware& firmware, const mm::Printer& findings);

// Counts an attempt in the name of the entry's file, if it has counters, and tells the system where
// that is now. An attempt that cannot be counted is named in `findings`, and made all the same.
void count_attempt(const Firmware& firmware, const loader::BootEntry& entry,
                   const mm::Printer& findings);

// Tells the system that is about to be started what started it, when, and what else there was to
// choose. `entered` is the counter (efi/arch.h) when we were.
void tell_system(const Firmware& firmware, std::span<const loader::BootEntry> entries,
                 const loader::BootEntry& selected, uint64_t entered, const mm::Printer& findings);

}  // namespace efi

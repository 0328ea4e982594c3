// The boot menu on the firmware's console, screen or serial: \loader\entries\*.conf and
// \loader\loader.conf as the Boot Loader Specification has them.
#pragma once

#include <string_view>

#include "efi/boot_entries.h"
#include "efi/configuration.h"
#include "efi/files.h"
#include "efi/firmware.h"
#include "efi/tpm.h"
#include "efi/trust.h"
#include "mm/print.h"
#include "mm/result.h"

namespace efi {

// What is started from the menu, and who hears of it.
struct Start {
  const Firmware& firmware;
  const Volume& volume;
  const Trust& trust;
  const Tpm& tpm;
  uint64_t entered;  // the counter (efi/arch.h) when we were
  Path& subject;     // of errors
  const mm::Printer& findings;
};

// With more than one entry, and unless whoever started us chose already (load options), lets a
// person choose; at the end of the countdown the default entry is chosen. An entry of our own
// program replaces the configuration's options by its own, where it has any; another program is
// started, and when it comes back the menu is shown again. What the last system asked for
// (efi/boot_loader_interface.h) goes before loader.conf. What is odd about the files is named. With
// Secure Boot on nobody edits options, and a Linux gets its initrds from the memory in which they were
// checked.
mm::Result<> choose_entry(const Start& start, Configuration& configuration);

// `guard`: what is started is not Baton's kernel but another system, without the bad pages
// (efi/bad_pages.h), after the menu where loader.conf has a timeout.
[[nodiscard]] bool asks_for_guard(std::string_view options);
// Starts loader.conf's default entry, or where that is Baton itself the first that is not. Always an
// error: there is none, it did not start, or it came back; the firmware goes on with its own order then.
mm::Result<> start_guarded(const Start& start);

}  // namespace efi

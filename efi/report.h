// The last run's report, from the variable in which its kernel left it to files on the ESP.
#pragma once

#include "efi/firmware.h"
#include "mm/print.h"

namespace efi {

// Writes \baton\report-DATE.txt, .html and .json when there is a report, then deletes the variable. What
// was done, or why it could not be, goes to `out`; nothing of it keeps Baton from starting.
void write_last_report(const Firmware& firmware, const mm::Printer& out);

}  // namespace efi

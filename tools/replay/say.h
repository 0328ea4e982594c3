// What a replay says to a person.
#pragma once

#include <span>
#include <string>

#include "tools/replay/findings.h"
#include "tools/replay/replayed.h"

namespace replay {

// What is wrong, numbered, each with what to do; notes behind.
[[nodiscard]] std::string findings_text(std::span<const Finding> findings);
// The kernel's log, buddyinfo, ledger and a picture of so many columns: of a large machine many MiB.
void print_log(const Replayed& replayed, unsigned columns, const mm::Printer& out);
[[nodiscard]] std::string explain_text(const Replayed& replayed, mm::Phys address);

}  // namespace replay

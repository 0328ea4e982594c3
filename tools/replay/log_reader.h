// What the log of a Linux boot says of the machine's memory, and of what Linux made of it.
//
// Read in the words of Linux 2.4 to 7: the firmware's e820 list (`BIOS-e820: [mem 0x0-0xfff]
// usable`, last byte; before 3.5 `0 - 1000 (usable)`, one past it; before 2.4.10 size @ start),
// `user:` and `modified:` lists, SRAT's entries in the log (`SRAT: Node 0 PXM 0 [mem 0x0-0xfff]`,
// `0-1000`; in 2.6.12 and before the bare form has the last byte), what was given up for want of an
// MTRR. 32-bit Arm kernels have no such list: what they say of banks, nodes and RAM that they ignore
// is taken for it (log_arm.cpp). Lines may be pasted in any way (tools/replay/log_text.h); what stands before them is passed
// over. A line that ought to be read and cannot be is skipped and named.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "tools/replay/log_text.h"
#include "tools/replay/machine.h"

namespace replay {

struct Log : Machine {
  size_t boots = 0;  // that the text has a list of
  size_t boot = 0;   // which of them this is, from 1; 0: there is none
  // What makes an answer wrong rather than incomplete: a replay should say it and stop.
  std::vector<Remark> refused;
};

// `boot`: which of several boots, from 1; 0 is the last. One begins at "Linux version", and where a
// list begins anew.
[[nodiscard]] Log read_log(std::span<const Line> lines, size_t boot = 0);
[[nodiscard]] Log read_log(std::string_view bytes, size_t boot = 0);

}  // namespace replay

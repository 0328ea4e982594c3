// What the log of a Linux boot says of the machine's memory, and of what Linux made of it.
//
// Read in the words of Linux 2.4 to 7: the firmware's e820 list (`BIOS-e820: [mem 0x0-0xfff]
// usable`, last byte; before 3.5 `0 - 1000 (usable)`, one past it; before 2.4.10 size @ start),
// `user:` and `modified:` lists, SRAT's entries in the log (`SRAT: Node 0 PXM 0 [mem 0x0-0xfff]`,
// `0-1000`; in 2.6.12 and before the bare form has the last byte), what was given up for want of an
// MTRR. Lines may be pasted in any way (tools/replay/log_text.h); what stands before them is passed
// over. A line that ought to be read and cannot be is skipped and named.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mm/e820.h"
#include "mm/numa.h"
#include "mm/types.h"
#include "mm/zones.h"

namespace replay {

// Something that a reader of the log should know.
struct Remark {
  size_t line = 0;  // 0: the log as a whole
  std::string text;
};

struct LinuxZone {
  mm::ZoneType type = mm::ZoneType::Normal;
  mm::Range range;  // empty: Linux has the zone and nothing is in it
};

struct LinuxNodeRange {
  unsigned node = 0;
  mm::Range range;

  friend bool operator==(const LinuxNodeRange&, const LinuxNodeRange&) = default;
};

// What Linux made of the machine, as far as the log says it.
struct LinuxMade {
  std::vector<LinuxZone> zones;           // "Zone ranges:"
  std::vector<LinuxNodeRange> ranges;     // "Early memory node ranges"
  std::optional<uint64_t> total_kib;      // of "Memory: 1K/2K available" the second
  std::optional<uint64_t> mtrr_lost_mib;  // "CPU MTRRs don't cover all of memory, losing 3MB"
};

struct Log {
  // The firmware's list and, where there is one, the user's (mem=, memmap=); in the log's order.
  // Every range has something in it and ends at kMaxPhys or below.
  std::vector<mm::E820Entry> firmware;
  std::vector<mm::E820Entry> user;
  std::vector<mm::MemoryAffinity> srat;  // node below kMaxNodes; ranges as they come
  mm::NodeSet named;
  std::vector<mm::Range> mtrr_trims;  // usable before, reserved after
  mm::Range low_trim;                 // what of low memory Linux keeps from a BIOS that spoils it
  // Of a 32-bit kernel: the end of lowmem, and where physical addresses end for it.
  std::optional<mm::Phys> end_of_low;
  std::optional<mm::Phys> end_of_reach;  // max_arch_pfn
  LinuxMade linux_made;

  size_t boots = 0;  // that the text has an e820 list of
  size_t boot = 0;   // which of them this is, from 1; 0: there is none
  // What makes an answer wrong rather than incomplete: a replay should say it and stop.
  std::vector<Remark> refused;
  std::vector<Remark> remarks;

  // The map Linux started from: the user's list in place of the firmware's; one without RAM is an
  // excerpt that shows only what the user changed, and is laid over the firmware's. `storage` has
  // room_for_map() entries.
  [[nodiscard]] size_t room_for_map() const;
  // The entries of those lists that count.
  [[nodiscard]] std::vector<mm::E820Entry> said() const;
  mm::Result<mm::E820Table> map(std::span<mm::E820Entry> storage) const;
  [[nodiscard]] bool user_is_whole() const;
};

// `boot`: which of several boots, from 1; 0 is the last. One begins at "Linux version", and where a
// list begins anew.
[[nodiscard]] Log read_log(std::string_view bytes, size_t boot = 0);

}  // namespace replay

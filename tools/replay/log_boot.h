// One boot of a log: what its lines say, and what follows from them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "mm/e820.h"
#include "mm/types.h"
#include "tools/replay/log_reader.h"

namespace replay {

struct Update {
  mm::Range range;
  mm::E820Type from = mm::E820Type::Ram;
  mm::E820Type to = mm::E820Type::Ram;
};

struct Boot {
  Log log;
  std::vector<mm::E820Entry> modified;
  std::vector<mm::E820Entry> modified_later;
  bool modified_again = false;
  std::vector<mm::E820Entry> extended;
  std::vector<Update> updates;  // all of them
  std::vector<Update> run;      // those right before this line
  std::vector<Update> before_warning;
  bool header = false;
  bool xen = false;
  bool version_32 = false;
  bool high_mem = false;
  std::optional<uint64_t> low_mem_mib;
  std::optional<uint64_t> low_ram;
  bool in_zones = false;
  bool in_old_ranges = false;
  size_t first_line = 0;
  // Of a 32-bit Arm kernel: RAM that it ignores, its banks' sizes, its lowmem's.
  std::vector<mm::Range> ignored;
  std::vector<uint64_t> bank_mib;
  uint64_t low_bytes = 0;

  [[nodiscard]] bool has_firmwares() const {
    return !log.firmware.empty() || !log.user.empty() || !modified.empty() || !extended.empty();
  }
  [[nodiscard]] bool has_list() const {
    const bool arm = log.kind == MachineKind::Arm;
    return has_firmwares() || (arm && (!log.linux_made.ranges.empty() || !bank_mib.empty()));
  }
};

// After its last line: the list where it is none of the firmware's, the end of lowmem, what MTRRs
// took.
void conclude(Boot& boot);
// Of an Arm kernel's without a list of the firmware's: the machine by what it says of RAM.
void conclude_arm(Boot& boot);

}  // namespace replay

#include "tools/replay/log_boot.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "mm/print.h"

namespace replay {
namespace {

using mm::E820Entry;
using mm::E820Type;
using mm::Phys;
using mm::Range;

constexpr Phys kEndOfBios{0x100000};

std::string hex(uint64_t value) {
  char text[24];
  (void)mm::format(text, "{:#x}", value);
  return text;
}

uint64_t usable_in(const mm::E820Table& map, Range range) {
  // Page 0 and the BIOS's hole go in any case, and under another name.
  uint64_t bytes = 0;
  for (const E820Entry& entry : map.entries()) {
    if (entry.type != E820Type::Ram) continue;
    bytes += entry.range.clip(range).clip({Phys{mm::kPageSize}, Phys{0xa0000}}).size();
    bytes += entry.range.clip(range).clip({kEndOfBios, Phys{mm::kMaxPhys}}).size();
  }
  return bytes;
}

uint64_t usable_in(const mm::E820Table& map, std::span<const Range> ranges) {
  uint64_t bytes = 0;
  for (const Range& range : ranges) bytes += usable_in(map, range);
  return bytes;
}

bool takes_ram(const Update& update) {
  return update.from == E820Type::Ram && update.to == E820Type::Reserved;
}

// Where a BIOS is known to spoil low memory, Linux before 3.x keeps more of it than page 0.
bool is_low(const Update& update) {
  return takes_ram(update) && update.range.start == Phys{0} && update.range.end <= kEndOfBios;
}

// RAM of the map that is none in the list Linux printed afterwards.
std::vector<Range> missing(const mm::E820Table& map, const std::vector<E820Entry>& after) {
  std::vector<Range> ranges;
  for (const E820Entry& entry : map.entries()) {
    if (entry.type != E820Type::Ram) continue;
    Phys at = std::max(entry.range.start, kEndOfBios);
    while (at < entry.range.end) {
      Phys next = entry.range.end;
      Phys ram_end = at;
      for (const E820Entry& kept : after) {
        if (kept.type != E820Type::Ram) continue;
        if (kept.range.contains(at)) ram_end = std::max(ram_end, kept.range.end);
        if (kept.range.start > at) next = std::min(next, kept.range.start);
      }
      if (ram_end == at) ranges.push_back({at, next});
      at = ram_end == at ? next : ram_end;
    }
  }
  return ranges;
}

// Linux says in a warning how much it gives up for want of MTRRs, right after it has said which
// RAM (Linux 6.1, mtrr_trim_uncached_memory: head, holes and top).
void choose_trims(Boot& boot) {
  Log& log = boot.log;
  for (const Update& update : boot.updates) {
    if (is_low(update)) log.low_trim = {Phys{0}, std::max(log.low_trim.end, update.range.end)};
  }
  const auto lost = log.linux_made.mtrr_lost_mib;
  if (!lost) {
    // An excerpt without the warning: what was taken up to 4 GiB exactly was taken for that.
    for (const Update& update : boot.updates) {
      if (takes_ram(update) && update.range.end == Phys{4 * mm::kGiB}) {
        log.mtrr_trims.push_back(update.range);
      }
    }
    return;
  }
  std::vector<E820Entry> storage(log.room_for_map());
  const auto map = log.map(storage);
  if (!map.ok()) return;
  std::vector<Range> trims;
  const std::vector<Update> last_first(boot.before_warning.rbegin(), boot.before_warning.rend());
  for (const Update& update : last_first) {
    if (!takes_ram(update) || is_low(update)) continue;
    trims.insert(trims.begin(), update.range);
    if (usable_in(map.value(), trims) / mm::kMiB == *lost) {
      log.mtrr_trims = trims;
      return;
    }
  }
  if (!boot.modified.empty()) {
    std::vector<Range> gone = missing(map.value(), boot.modified);
    if (trims.empty() || usable_in(map.value(), gone) / mm::kMiB == *lost) trims = std::move(gone);
  }
  log.mtrr_trims = trims;
  const uint64_t found = usable_in(map.value(), trims) / mm::kMiB;
  if (found != *lost) {
    log.remarks.push_back({0, "Linux lost " + std::to_string(*lost) +
                                  " MiB to MTRRs, but the log shows where " +
                                  std::to_string(found) + " MiB of it lie"});
  }
}

void find_end_of_low(Boot& boot) {
  Log& log = boot.log;
  const bool said = boot.high_mem || boot.low_mem_mib || boot.low_ram;
  if (!said && !boot.version_32) return;
  std::string how;
  for (const LinuxZone& zone : log.linux_made.zones) {
    const bool low = zone.type == mm::ZoneType::Normal || zone.type == mm::ZoneType::Dma;
    if (low && !zone.range.empty()) log.end_of_low = zone.range.end;
  }
  if (!log.end_of_low && boot.low_ram && *boot.low_ram <= mm::kMaxPhys) {
    log.end_of_low = Phys{*boot.low_ram};
  }
  if (!log.end_of_low && boot.low_mem_mib && *boot.low_mem_mib <= mm::kMaxPhys / mm::kMiB) {
    log.end_of_low = Phys{*boot.low_mem_mib * mm::kMiB};
    how = " (to the MiB below, as its LOWMEM line has it)";
  }
  if (!log.end_of_low) {
    constexpr Phys kUsual{896 * mm::kMiB};
    log.end_of_low = kUsual;
    how = " (the usual; the log does not say)";
  }
  log.remarks.push_back(
      {0, "the log of a 32-bit kernel: lowmem ends at " + hex(log.end_of_low->v) + how});
}

// A list the log does not have, from one that it has.
void find_list(Boot& boot) {
  Log& log = boot.log;
  if (!log.firmware.empty() || !log.user.empty()) {
    if (!log.firmware.empty() && !boot.header && log.firmware.front().range.start > Phys{0}) {
      log.remarks.push_back({0, "the firmware's list begins at " +
                                    hex(log.firmware.front().range.start.v) +
                                    " and has no heading: its beginning may be missing"});
    }
    return;
  }
  if (!boot.extended.empty()) {
    log.firmware = boot.extended;
    log.remarks.push_back({0,
                           "the firmware's list is not in the log; taken instead: Linux's with "
                           "setup_data"});
  } else if (!boot.modified.empty()) {
    log.firmware = boot.modified;
    log.remarks.push_back({0,
                           "the firmware's list is not in the log; taken instead: the one Linux "
                           "had modified"});
  }
}

}  // namespace

void conclude(Boot& boot) {
  if (boot.log.kind == MachineKind::Arm && !boot.has_firmwares()) return conclude_arm(boot);
  find_list(boot);
  find_end_of_low(boot);
  choose_trims(boot);
}

}  // namespace replay

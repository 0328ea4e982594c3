// What 32-bit Arm kernels say of memory, which have no list of the firmware's.
//
//   CPU: ARMv7 Processor [410fc075] revision 5 (ARMv7), cr=10c5387d
//   Memory: 64MB 128MB = 192MB total                                   up to 3.10: banks
//       lowmem  : 0xc0000000 - 0xcc000000   ( 192 MB)
//   Truncating RAM at 80000000-bfffffff to -af7fffff (vmalloc region overlap).
//   Ignoring RAM at 90000000-9fffffff (!CONFIG_HIGHMEM).
//   Ignoring RAM at 0x6f800000-0x80000000                              since 4.12: end exclusive
//
// (arch/arm/mm/init.c and mmu.c of those). Where banks lie only `mem=SIZE@START` of the command line
// tells, where there are no node ranges.
#include <algorithm>
#include <string>

#include "mm/option_words.h"
#include "mm/size_text.h"
#include "tools/replay/log_reading.h"

namespace replay {
namespace {

using mm::E820Entry;
using mm::E820Type;
using mm::Phys;
using mm::Range;
using mm::ZoneType;

constexpr uint64_t kEnd = 4 * mm::kGiB * 256;  // 40 bits, as LPAE has them

std::vector<Range> banks_of(const std::string& command_line) {
  std::vector<Range> banks;
  for (std::string_view rest = command_line;;) {
    const mm::OptionWord word = mm::take_option_word(rest);
    if (word.text.empty()) return banks;
    std::string_view value = word.value;
    if (word.name != "mem") continue;
    const auto size = mm::take_size(value, "mem");
    if (!size.ok() || !take_word(value, "@")) continue;
    const auto start = mm::take_size(value, "mem");
    if (!start.ok() || size.value() == 0 || size.value() > kEnd || start.value() > kEnd) continue;
    banks.push_back({Phys{start.value()}, Phys{start.value() + size.value()}});
  }
}

// Banks of these sizes, one behind the other.
std::vector<Range> in_a_row(const std::vector<uint64_t>& mib) {
  std::vector<Range> banks;
  Phys at{0};
  for (const uint64_t size : mib) {
    if (size * mm::kMiB > mm::kMaxPhys - at.v) break;
    banks.push_back({at, at + size * mm::kMiB});
    at = banks.back().end;
  }
  return banks;
}

void take_ram(Boot& boot) {
  Log& log = boot.log;
  const auto& nodes = log.linux_made.ranges;
  const bool several = std::any_of(nodes.begin(), nodes.end(), [&](const LinuxNodeRange& range) {
    return range.node != nodes.front().node;
  });
  for (const LinuxNodeRange& range : nodes) {
    log.firmware.push_back({range.range, E820Type::Ram});
    if (!several) continue;
    log.srat.push_back({.node = static_cast<mm::NodeId>(range.node), .range = range.range});
    log.named.set(static_cast<mm::NodeId>(range.node));
  }
  if (!nodes.empty()) {
    log.remarks.push_back({0,
                           "the log of a 32-bit Arm kernel: RAM is what it had in nodes, and "
                           "what it ignored; what the firmware keeps is not told"});
    return;
  }
  std::vector<Range> banks = banks_of(log.linux_made.command_line);
  const bool told = !banks.empty();
  if (!told) banks = in_a_row(boot.bank_mib);
  for (const Range& bank : banks) log.firmware.push_back({bank, E820Type::Ram});
  log.remarks.push_back(
      {0, told ? "the log of a 32-bit Arm kernel: RAM is its command line's banks (mem=)"
               : "the log of a 32-bit Arm kernel: it tells how large its banks are and not where; "
                 "they are put one behind the other from address 0"});
}

// A zone DMA, which some have, is a part of what is Normal by mm's rules.
void join_low_zones(Boot& boot) {
  Range low;
  bool dma = false;
  auto& zones = boot.log.linux_made.zones;
  for (const LinuxZone& zone : zones) {
    if (zone.type == ZoneType::Dma) dma = true;
    if (zone.type != ZoneType::Dma && zone.type != ZoneType::Normal) continue;
    if (zone.range.empty()) continue;
    low = low.empty()
              ? zone.range
              : Range{std::min(low.start, zone.range.start), std::max(low.end, zone.range.end)};
  }
  if (!dma) return;
  std::erase_if(zones, [](const LinuxZone& zone) {
    return zone.type == ZoneType::Dma || zone.type == ZoneType::Normal;
  });
  zones.insert(zones.begin(), {ZoneType::Normal, low});
  boot.log.remarks.push_back({0, "its zone DMA counts as Normal here"});
}

}  // namespace

void LogReader::read_ignored(std::string_view rest, bool truncated) {
  const auto spelled = take_srat_range(rest);
  if (!spelled) return cannot_read();
  const auto range = range_of(*spelled);
  if (!range) return;
  if (!truncated) return boot().ignored.push_back(*range);
  const auto kept = take_word(rest, " to -") ? take_number(rest, 16) : std::nullopt;
  if (!kept) return cannot_read();
  const Phys from{*kept % mm::kPageSize == mm::kPageSize - 1 ? *kept + 1 : *kept};
  if (range->start < from && from < range->end) boot().ignored.push_back({from, range->end});
}

// ` 64MB 128MB = 192MB total`; false when it is another line.
bool LogReader::read_banks(std::string_view rest) {
  std::vector<uint64_t> banks;
  for (;;) {
    take_blanks(rest);
    if (take_word(rest, "= ")) break;
    const auto mib = take_number(rest, 10);
    if (!mib || *mib == 0 || *mib > kEnd / mm::kMiB || !take_word(rest, "MB")) return false;
    banks.push_back(*mib);
  }
  if (banks.empty()) return false;
  boot().bank_mib = banks;
  return true;
}

// `c0000000 - 0xcc000000`.
void LogReader::read_low_mem(std::string_view rest) {
  const auto start = take_number(rest, 16);
  const auto end = take_word(rest, " - ") ? take_number(rest, 16) : std::nullopt;
  if (start && end && *start < *end && *end <= 4 * mm::kGiB) boot().low_bytes = *end - *start;
}

void conclude_arm(Boot& boot) {
  Log& log = boot.log;
  take_ram(boot);
  for (const Range& range : boot.ignored) log.firmware.push_back({range, E820Type::Ram});
  log.ignored = boot.ignored;
  if (log.firmware.empty()) return;
  join_low_zones(boot);
  Phys start{mm::kMaxPhys};
  for (const E820Entry& entry : log.firmware) start = std::min(start, entry.range.start);
  bool high = false;
  for (const LinuxZone& zone : log.linux_made.zones) {
    if (zone.type == ZoneType::Normal && !zone.range.empty()) log.end_of_low = zone.range.end;
    high = high || (zone.type == ZoneType::HighMem && !zone.range.empty());
  }
  if (!log.end_of_low && boot.low_bytes != 0) log.end_of_low = start + boot.low_bytes;
  // What Linux says of zones it says of all RAM: without a HighMem lowmem goes on to its end.
  if (!high && boot.low_bytes == 0) log.end_of_low.reset();
}

}  // namespace replay

#include "tools/replay/compare.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "mm/option_words.h"
#include "mm/print.h"
#include "tools/replay/finding_rows.h"
#include "tools/replay/said.h"

namespace replay {
namespace {

std::string text_of(mm::Range range) {
  if (range.empty()) return "empty";
  char text[48];
  (void)mm::format(text, "{}-{:#x}", range.start, range.end.v - 1);
  return text;
}

std::string zones(const LinuxMade& linux, const mm::RelayCore& relay) {
  std::string text;
  const mm::Phys end_of_ram = mm::phys(relay.e820().last_pfn());
  for (LinuxZone zone : linux.zones) {
    // Linux prints DMA32 to 4 GiB also where RAM ends before.
    zone.range.end = std::min(zone.range.end, end_of_ram);
    const mm::Range ours = mm::phys(relay.zone_ranges().zones[zone.type]);
    if (zone.range == ours || (zone.range.empty() && ours.empty())) continue;
    text += std::string("  zone ") + mm::zone_name(zone.type) + ": Linux " + text_of(zone.range) +
            ", replay " + text_of(ours) + "\n";
  }
  return text;
}

std::string only_in(const char* who, const std::vector<LinuxNodeRange>& these,
                    const std::vector<LinuxNodeRange>& those) {
  std::string text;
  for (const LinuxNodeRange& range : these) {
    if (std::find(those.begin(), those.end(), range) != those.end()) continue;
    text += "  RAM of node " + std::to_string(range.node) + ": " + text_of(range.range) +
            ", so only in " + who + "\n";
  }
  return text;
}

}  // namespace

std::string differences(const LinuxMade& linux, const mm::RelayCore& relay) {
  std::vector<LinuxNodeRange> ours;
  uint64_t bytes = 0;
  for (const mm::ActiveRange& active : relay.layout().active) {
    ours.push_back({active.node, mm::phys(active.pfns)});
    bytes += ours.back().range.size();
  }
  std::string text = zones(linux, relay);
  if (!linux.ranges.empty()) {
    text += only_in("Linux", linux.ranges, ours) + only_in("replay", ours, linux.ranges);
  }
  if (linux.total_kib && *linux.total_kib != bytes / mm::kKiB) {
    const uint64_t kib = bytes / mm::kKiB;
    const bool less = *linux.total_kib < kib;
    text += said("  RAM: Linux {} KiB, replay {} KiB (Linux has ", *linux.total_kib, kib) +
            size_words((less ? kib - *linux.total_kib : *linux.total_kib - kib) * mm::kKiB) +
            (less ? " less)\n" : " more)\n");
  }
  if (!text.empty()) text.insert(0, "Differs from what the log says Linux made of it:\n");
  return text;
}

namespace {

struct CommandWord {
  std::string_view name, value;  // no value: any
  const char* text;
};
// What Linux's own documentation (kernel-parameters.txt) says of them.
constexpr CommandWord kCommandWords[] = {
    {"elfcorehdr", {}, "a crash kernel, which kexec gave a small part of the machine"},
    {"acpi_rsdp", {}, "kexec started it: its map is its predecessor's, as that passed it on"},
    {"mem", {}, "it leaves out RAM"},
    {"memmap", {}, "it changes the map"},
    {"numa", {}, "it makes nodes of its own, or none"},
    {"acpi", "off", "it reads no SRAT"},
    {"disable_mtrr_trim", {}, "it keeps RAM that no MTRR covers"},
    {"enable_mtrr_cleanup", {}, "it lays the MTRRs out anew"},
    {"add_efi_memmap", {}, "it adds UEFI's map to e820"},
    {"efi_fake_mem", {}, "it changes UEFI's map"},
    {"efi", "nosoftreserve", "what is soft reserved is ordinary RAM to it"},
    {"kernelcore", {}, "it has a zone Movable"},
    {"movablecore", {}, "it has a zone Movable"},
    {"movable_node", {}, "it has a zone Movable"},
    {"highmem", {}, "it chooses where lowmem ends"},
    {"vmalloc", {}, "it chooses where lowmem ends"},
};

// Of the command line what changes the machine's memory.
std::string command_line_says(std::string_view line) {
  std::string text;
  for (;;) {
    const mm::OptionWord word = mm::take_option_word(line);
    if (word.text.empty()) return text;
    for (const CommandWord& known : kCommandWords) {
      if (word.name != known.name || !(known.value.empty() || word.value == known.value)) continue;
      text += (text.empty() ? "" : "; ") + std::string(word.text) + " (" + known.text + ")";
    }
  }
}

}  // namespace

std::string explained(const LinuxMade& linux) {
  const bool no_dma = !linux.zones.empty() &&
                      std::none_of(linux.zones.begin(), linux.zones.end(),
                                   [](const LinuxZone& z) { return z.type == mm::ZoneType::Dma; });
  std::string text;
  if (no_dma) text += "Its kernel has no zone DMA (CONFIG_ZONE_DMA is off). ";
  if (linux.mtrr_lost_mib)
    text += "It gave up RAM for want of MTRRs, not all lines of which are here. ";
  const std::string asked = command_line_says(linux.command_line);
  if (!asked.empty()) return text + "Its command line has " + asked + ".";
  if (!linux.command_line.empty()) {
    return text +
           "Its command line says nothing of memory. Look for lines that the log has lost, "
           "and whether kexec started it: its map is then its predecessor's.";
  }
  return text +
         "Look at the kernel's command line (mem=, memmap=, numa=), which the log does not have, "
         "for lines that it has lost, and whether kexec started it: its map is then its "
         "predecessor's.";
}

}  // namespace replay

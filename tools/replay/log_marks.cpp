// The words by which lines of a boot's log are known.
#include <algorithm>

#include "tools/replay/log_reading.h"

namespace replay {
namespace {

struct Marker {
  std::string_view word;
  Mark mark;
  // A word that is also found elsewhere: it counts before a range only.
  bool common = false;
};

constexpr Marker kMarkers[] = {
    {"BIOS-e820:", Mark::Firmware},
    {"BIOS-e801:", Mark::Firmware},
    {"BIOS-88:", Mark::Firmware},
    {"Xen: ", Mark::Xen, true},
    {"user: ", Mark::User, true},
    {"modified: ", Mark::Modified, true},
    {"reserve setup_data: ", Mark::Extended, true},
    {"update ", Mark::Update, true},
    {"e820 update range: ", Mark::Update},
    {"SRAT: Node ", Mark::SratMemory},
    {"SRAT: PXM ", Mark::SratCpu},
    {"Linux version ", Mark::Version},
    {"BIOS-provided physical RAM map", Mark::Header},
    {"modified physical RAM map", Mark::ModifiedHeader},
    {"cover all of memory, losing ", Mark::MtrrWarning},
    {"Zone ranges:", Mark::Zones},
    {"Zone PFN ranges:", Mark::Zones},
    {"early_node_map[", Mark::OldNodeRanges},
    {"Memory: ", Mark::Total},
    {" low ram: 0 - ", Mark::LowRam},
    {"MB LOWMEM available", Mark::LowMem},
    {"max_arch_pfn = ", Mark::MaxArch},
    {"ommand line: ", Mark::CommandLine},
    {"(ARMv", Mark::ArmCpu},
    {"Ignoring RAM at ", Mark::ArmIgnored},
    {"Truncating RAM at ", Mark::ArmTruncated},
    {" lowmem  : 0x", Mark::ArmLowMem},
};

bool range_follows(std::string_view text) {
  take_blanks(text);
  return text.starts_with("[mem ") || take_bare(text).has_value();
}

}  // namespace

std::vector<Place> places_in(std::string_view text) {
  std::vector<Place> places;
  for (const Marker& marker : kMarkers) {
    for (size_t at = text.find(marker.word); at != std::string_view::npos;
         at = text.find(marker.word, at + 1)) {
      const size_t rest = at + marker.word.size();
      if (marker.common && !range_follows(text.substr(rest))) continue;
      places.push_back({at, rest, marker.mark});
    }
  }
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return a.word < b.word; });
  return places;
}

}  // namespace replay

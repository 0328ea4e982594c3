#include "tools/replay/picture.h"

#include <algorithm>
#include <cstdio>

namespace replay {
namespace {

using mm::Pfn;
using mm::PfnRange;

struct Part {
  uint64_t ram = 0, reserved = 0;  // frames
};

Part look_at(const mm::RelayCore& relay, mm::NodeId node, PfnRange frames) {
  Part part;
  for (const mm::ActiveRange& active : relay.layout().active) {
    const PfnRange here = active.pfns.clip(frames);
    if (active.node != node || here.empty()) continue;
    part.ram += here.size();
    Pfn counted = here.start;
    for (const mm::Reservation& r : relay.reservations().entries()) {
      const PfnRange touched = mm::pfns_touched(r.range).clip({counted, here.end});
      if (touched.empty()) continue;
      part.reserved += touched.size();
      counted = touched.end;
    }
  }
  return part;
}

char mark(const Part& part, uint64_t frames) {
  if (part.ram == 0) return '.';
  if (part.ram < frames) return '-';
  if (part.reserved == 0) return '#';
  return part.reserved < part.ram ? '+' : 'R';
}

std::string size_text(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes >= 10240 && unit + 1 < std::size(kUnits)) {
    bytes >>= 10;
    ++unit;
  }
  return std::to_string(bytes) + " " + kUnits[unit];
}

}  // namespace

std::string draw(const mm::RelayCore& relay, unsigned columns) {
  std::string text;
  char line[160];
  for (const mm::NodeLayout& node : relay.layout().nodes) {
    for (size_t z = 0; z < mm::kZoneTypes; ++z) {
      const mm::ZoneLayout& zone = node.zones[z];
      if (zone.present == 0) continue;
      const mm::Range bytes = mm::phys(zone.spanned);
      std::snprintf(line, sizeof(line), "node %u %-7s 0x%012lx ", node.id,
                    mm::zone_name(static_cast<mm::ZoneType>(z)), bytes.start.v);
      text += line;
      const uint64_t frames = zone.spanned.size();
      for (unsigned c = 0; c < columns; ++c) {
        const PfnRange column{zone.spanned.start + frames * c / columns,
                              zone.spanned.start + frames * (c + 1) / columns};
        text += column.empty() ? ' ' : mark(look_at(relay, node.id, column), column.size());
      }
      std::snprintf(line, sizeof(line), " 0x%012lx %s\n", bytes.end.v - 1,
                    size_text(zone.present * mm::kPageSize).c_str());
      text += line;
    }
  }
  text += "# free  + some reserved  R reserved  - part hole  . no RAM\n";
  for (const mm::Reservation& r : relay.reservations().entries()) {
    std::snprintf(line, sizeof(line), "%-14s [mem 0x%012lx-0x%012lx] %s\n", r.name, r.range.start.v,
                  r.range.end.v - 1, size_text(r.range.size()).c_str());
    text += line;
  }
  return text;
}

}  // namespace replay

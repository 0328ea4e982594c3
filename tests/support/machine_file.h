// A real machine's facts (tests/machines/README.md) against what mm makes of it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "mm/page_alloc.h"
#include "mm/relay.h"
#include "mm/zones.h"
#include "tests/support/drawn_machine.h"
#include "tools/replay/machine_file.h"

namespace test {

using replay::MachineFile;

// What mm makes of a machine, in the words of such a file: keyword -> lines.
inline std::map<std::string, std::vector<std::string>> facts_of(const mm::RelayCore& relay) {
  std::map<std::string, std::vector<std::string>> facts;
  Log log;
  const mm::Printer out = log.printer();
  const auto say = [&](const char* keyword) {
    std::string line = log.take();
    line.pop_back();
    facts[keyword].push_back(line);
  };
  const auto range = [](mm::PfnRange frames) { return mm::phys(frames); };

  for (const mm::ZoneType z : mm::kAllZones) {
    const mm::ZoneRanges& zones = relay.zone_ranges();
    if (!zones.platform.has[z] || z == mm::ZoneType::Movable) continue;
    const mm::Range bytes = range(zones.zones[z]);
    const char* name = mm::zone_name(z);
    bytes.empty() ? out.line("{} empty", name)
                  : out.line("{} 0x{:012x} 0x{:012x}", name, bytes.start, bytes.end);
    say("zone");
  }
  uint64_t total = 0;
  for (const mm::ActiveRange& active : relay.layout().active) {
    const mm::Range bytes = range(active.pfns);
    out.line("{} 0x{:012x} 0x{:012x}", active.node, bytes.start, bytes.end);
    say("node-range");
    total += bytes.size();
  }
  out.line("{}", total / mm::kKiB);
  say("total-kib");
  for (const mm::NodeLayout& node : relay.layout().nodes) {
    if (!relay.numa().possible.has(node.id)) continue;
    if (node.spanned.empty()) {
      out.line("{} memoryless", node.id);
      say("node");
      continue;
    }
    const mm::Range bytes = range(node.spanned);
    out.line("{} 0x{:012x} 0x{:012x}", node.id, bytes.start, bytes.end);
    say("node");
    out.line("{} {}", node.id, node.present);
    say("node-pages");
    for (const mm::ZoneType z : mm::kAllZones) {
      if (node.zones[z].present == 0) continue;
      out.line("{} {} {}", node.id, mm::zone_name(z), node.zones[z].present);
      say("present");
    }
  }
  mm::for_each_unavailable(relay.layout().active, relay.layout().nodes,
                           [&](mm::NodeId node, mm::ZoneType zone, uint64_t frames) {
                             out.line("{} {} {}", node, mm::zone_name(zone), frames);
                             say("unavailable");
                           });
  return facts;
}

}  // namespace test

// A drawn machine taken as far as its layout: trims, nodes, zones. What was printed on the way is
// in `log`.
#pragma once

#include <string>
#include <vector>

#include "mm/numa.h"
#include "mm/platform.h"
#include "mm/x86_64/e820_trim.h"
#include "mm/zones.h"
#include "tests/support/drawn_machine.h"

namespace test {

struct LaidOut {
  DrawnMachine machine;
  Log log;
  std::vector<mm::Reservation> reservation_storage = std::vector<mm::Reservation>(64);
  mm::EarlyRes reservations{reservation_storage};
  std::vector<mm::MemoryAffinity> blocks;
  std::vector<mm::ActiveRange> active_storage;
  std::vector<mm::NodeLayout> nodes;
  mm::Trims trims;
  mm::NumaMap numa;
  mm::ZoneRanges zones;

  explicit LaidOut(const std::string& drawing, const mm::MovableOptions& movable = {})
      : machine(drawing),
        blocks(machine.srat.size() + 1),
        active_storage(machine.e820.entries().size() + 3 * machine.srat.size() +
                       2 * machine.mirrored.size() + 1) {
    const mm::Printer quiet;
    trims = must(mm::trim_bios_range(machine.e820, mm::max_arch_pfn(4), quiet));
    numa = must(mm::numa_init(machine.numa(movable.mirror), machine.e820, reservations.entries(),
                              {blocks, active_storage}, log.printer()));
    nodes.resize(numa.node_count());
    zones = must(mm::free_area_init_nodes(numa, mm::x86_64_platform().zones,
                                          machine.e820.last_pfn(), movable, nodes));
  }

  [[nodiscard]] mm::Layout layout() const { return {numa.active, nodes, zones.platform}; }

  // What print_zones says.
  std::string zone_log() {
    Log out;
    mm::print_zones(numa, zones, nodes, out.printer());
    return out.take();
  }
};

}  // namespace test

// A 32-bit machine for tests: from banks of RAM to a page allocator, the steps one by one, so that
// each system can take them in its own order.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "mm/bootmem.h"
#include "mm/e820.h"
#include "mm/early_res.h"
#include "mm/handover.h"
#include "mm/lowmem.h"
#include "mm/memblock.h"
#include "mm/numa.h"
#include "mm/page_alloc.h"
#include "mm/placement.h"
#include "mm/zonelists.h"
#include "mm/zones.h"
#include "tests/support/drawn_machine.h"
#include "tests/support/one_cpu.h"
#include "tests/support/pretend_memory.h"

namespace test {

constexpr mm::Range range(uint64_t start, uint64_t end) { return {mm::Phys{start}, mm::Phys{end}}; }

struct Machine32 {
  using Policy = OneCpu;

  PretendMemory memory{mm::Phys{uint64_t{1} << 32}};
  std::vector<mm::E820Entry> e820_storage = std::vector<mm::E820Entry>(64);
  mm::E820Table e820{e820_storage};
  std::vector<mm::Reservation> reservation_storage = std::vector<mm::Reservation>(64);
  mm::EarlyRes reservations{reservation_storage};
  std::vector<mm::MemoryAffinity> srat;
  std::vector<mm::MemoryAffinity> blocks = std::vector<mm::MemoryAffinity>(16);
  std::vector<mm::ActiveRange> active_storage = std::vector<mm::ActiveRange>(64);
  std::vector<mm::NodeLayout> nodes;
  mm::NumaMap numa;
  mm::ZoneRanges zones;
  mm::Layout layout;
  mm::Pfn max_low;
  mm::PageAllocator<Policy> pages;
  Log log;

  void reserve(uint64_t start, uint64_t end, const char* name) {
    must(reservations.reserve({mm::Phys{start}, mm::Phys{end}}, name));
  }

  // RAM as banks have it; what lies below the first frame of the zones is left out.
  void add_banks(std::span<const mm::Bank> banks, mm::Pfn min = {}) {
    for (const mm::Bank& bank : banks) {
      if (mm::pfn_down(bank.range.start) < min) continue;
      must(e820.append(bank.range, mm::E820Type::Ram));
      srat.push_back({.node = bank.node, .range = bank.range});
    }
  }

  // Nodes and their zones.
  void find_zones(const mm::ZoneLimits& limits, mm::Pfn end_of_low) {
    max_low = end_of_low;
    mm::NumaInput input;
    input.memory = srat;
    numa = must(mm::numa_init(input, e820, {}, {blocks, active_storage}, {}));
    nodes.resize(numa.node_count());
    zones = must(mm::free_area_init_nodes(numa, limits, {}, nodes));
    layout = {numa.active, nodes};
  }

  // NODE_DATA, mem_map and per-CPU areas, in lowmem.
  void place() {
    for (mm::NodeLayout& node : nodes) {
      const mm::NodeSizes sizes{.node_data = mm::node_data_size(layout, node.id),
                                .page_bytes = sizeof(mm::Page),
                                .per_cpu = node.id == 0 ? mm::per_cpu_size(layout, 1) : 0,
                                .below = mm::phys(max_low)};
      must(mm::place_node(node, sizes, numa.active, e820, reservations, mm::Pfn{0}, {}));
    }
  }

  // The bitmaps of lowmem: all is taken at first. Returns how many nodes have one.
  size_t init_bootmem(std::span<mm::NodeBootmem> bitmaps) {
    return must(mm::init_bootmem(nodes, bitmaps, numa.active, e820, reservations, memory.map(), {},
                                 max_low));
  }

  void build_all_zonelists() {
    mm::build_all_zonelists(nodes, numa, {}, mm::NodeOrder::Ring, {}, {});
    must(pages.init(layout, memory.map(), 1, {}));
  }

  void release(mm::PfnRange frames) { must(pages.release(frames)); }
  [[nodiscard]] auto releaser() {
    return [this](mm::NodeId, mm::PfnRange frames) { release(frames); };
  }

  // `Normal: 3x2^0 1x2^5` for each zone with free blocks.
  [[nodiscard]] std::string buddy() const {
    std::string text;
    for (const mm::NodeLayout& node : nodes) {
      for (size_t z = 0; z < mm::kZoneTypes; ++z) {
        if (node.zones[z].present == 0) continue;
        std::vector<unsigned> counts(mm::kOrders);
        pages.for_each_free_block([&](const mm::FreeBlock& block) {
          if (block.node == node.id && static_cast<size_t>(block.zone) == z) ++counts[block.order];
          return true;
        });
        text += "node " + std::to_string(node.id) + " " +
                mm::zone_name(static_cast<mm::ZoneType>(z)) + ":";
        for (size_t order = 0; order < counts.size(); ++order) {
          if (counts[order] != 0) {
            text += " " + std::to_string(counts[order]) + "x2^" + std::to_string(order);
          }
        }
        text += "\n";
      }
    }
    return text;
  }

  [[nodiscard]] std::string zone_table() const {
    Log out;
    for (const mm::NodeLayout& node : nodes) {
      for (size_t z = 0; z < mm::kZoneTypes; ++z) {
        const mm::ZoneLayout& zone = node.zones[z];
        if (zone.spanned.empty()) continue;
        out.printer().line("node {} {}: spanned {} present {} from {}", node.id,
                           mm::zone_name(static_cast<mm::ZoneType>(z)), zone.spanned.size(),
                           zone.present, mm::phys(zone.spanned.start));
      }
    }
    return out.take();
  }

  [[nodiscard]] uint64_t managed(mm::NodeId node, mm::ZoneType zone) const {
    return pages.zone_counts(node, zone).managed;
  }
};

}  // namespace test

// A 32-bit machine for tests: from banks of RAM or e820 to a page allocator, through the relay.
#pragma once

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "mm/arm/lowmem.h"
#include "mm/bootmem.h"
#include "mm/e820.h"
#include "mm/early_res.h"
#include "mm/platform.h"
#include "mm/policy.h"
#include "mm/relay.h"
#include "tests/support/drawn_machine.h"
#include "tests/support/own_e820.h"
#include "tests/support/pretend_memory.h"

namespace test {

struct Machine32 : OwnE820 {
  // With lowmem that begins there.
  explicit Machine32(mm::Phys first = {}) : memory(mm::Phys{uint64_t{1} << 32}, first) {}

  PretendMemory memory;
  // What there is when the relay begins.
  std::vector<mm::Reservation> reservation_storage = std::vector<mm::Reservation>(64);
  mm::EarlyRes in_use{reservation_storage};
  std::vector<mm::MemoryAffinity> srat;
  Log log;
  std::optional<mm::Relay<mm::OneCpu>> relay;

  void reserve(uint64_t start, uint64_t end, const char* name) {
    must(in_use.reserve({mm::Phys{start}, mm::Phys{end}}, name));
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
  void lay_out(const mm::Platform& platform, mm::Phys end_of_low) {
    relay.emplace(platform, memory.map(), log.printer());
    must(relay->take_over(e820.entries(), in_use.entries(), mm::Phys{mm::kMaxPhys}, end_of_low));
    if (platform.trim != nullptr) must(relay->trim());
    mm::NumaInput input;
    input.memory = srat;
    must(relay->find_nodes(input));
    must(relay->lay_out({}, 1));
  }

  [[nodiscard]] auto& pages() { return relay->pages(); }
  [[nodiscard]] const mm::NodeLayout& node(mm::NodeId id) const {
    return relay->layout().nodes[id];
  }

  // `Normal: 3x2^0 1x2^5` for each zone with free blocks.
  [[nodiscard]] std::string buddy() const {
    std::string text;
    for (const mm::NodeLayout& node : relay->layout().nodes) {
      for (const mm::ZoneType z : mm::kAllZones) {
        if (node.zones[z].present == 0) continue;
        std::vector<unsigned> counts(mm::kOrders);
        relay->pages().for_each_free_block([&](const mm::FreeBlock& block) {
          if (block.node == node.id && block.zone == z) ++counts[block.order];
          return true;
        });
        text += "node " + std::to_string(node.id) + " " + mm::zone_name(z) + ":";
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
    for (const mm::NodeLayout& node : relay->layout().nodes) {
      for (const mm::ZoneType z : mm::kAllZones) {
        const mm::ZoneLayout& zone = node.zones[z];
        if (zone.spanned.empty()) continue;
        out.printer().line("node {} {}: spanned {} present {} from {}", node.id, mm::zone_name(z),
                           zone.spanned.size(), zone.present, mm::phys(zone.spanned.start));
      }
    }
    return out.take();
  }

  [[nodiscard]] uint64_t managed(mm::NodeId node, mm::ZoneType zone) const {
    return relay->pages().zone_counts(node, zone).managed;
  }
};

// The bootmem road's first step on a machine that is laid out, with bitmaps and a list of
// reservations of its own: what the relay does in one station can be looked at in between.
struct OwnBitmaps {
  OwnBitmaps(Machine32& m, mm::Pfn max_low) {
    must(reservations.adopt(m.relay->reservations().entries()));
    nodes.resize(
        must(mm::init_bootmem(m.relay->layout().nodes, nodes, m.relay->numa().active,
                              m.relay->e820(), reservations, m.memory.map(), {}, max_low)));
    bootmem = mm::Bootmem(nodes);
  }

  std::vector<mm::Reservation> storage = std::vector<mm::Reservation>(64);
  mm::EarlyRes reservations{storage};
  std::vector<mm::NodeBootmem> nodes = std::vector<mm::NodeBootmem>(1);
  mm::Bootmem bootmem;
};

}  // namespace test

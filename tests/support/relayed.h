// A drawn machine taken through the whole relay, on pretend memory.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "mm/platform.h"
#include "mm/policy.h"
#include "mm/relay.h"
#include "tests/support/drawn_machine.h"
#include "tests/support/pretend_memory.h"

namespace test {

struct RelayOptions {
  mm::Road road = mm::Road::Bootmem;
  mm::MovableOptions movable;
  mm::NodeOrder order = mm::NodeOrder::Distance;
  unsigned cpus = 2;
  std::vector<mm::Reservation> reservations;  // sorted
};

// Every free block, in the order of addresses: "node zone pfn order migratetype".
inline std::vector<std::string> blocks_of(const mm::Relay<mm::OneCpu>& relay) {
  std::vector<mm::FreeBlock> blocks;
  relay.pages().for_each_free_block([&](const mm::FreeBlock& block) {
    blocks.push_back(block);
    return true;
  });
  std::sort(blocks.begin(), blocks.end(),
            [](const auto& a, const auto& b) { return a.pfn < b.pfn; });
  std::vector<std::string> lines;
  for (const mm::FreeBlock& b : blocks) {
    char line[96];
    mm::format(line, "node {} {} pfn {} order {} type {}", b.node, mm::zone_name(b.zone), b.pfn,
               b.order, static_cast<unsigned>(b.migratetype));
    lines.emplace_back(line);
  }
  return lines;
}

// Usable frames minus frames that a reservation touches, counted one by one.
inline uint64_t frames_left(const mm::RelayCore& relay) {
  uint64_t frames = 0;
  for (const mm::ActiveRange& active : relay.numa().active) {
    for (mm::Pfn f = active.pfns.start; f < active.pfns.end; f += 1) {
      const mm::Range frame = mm::phys(mm::PfnRange{f, f + 1});
      frames += relay.reservations().overlapping(frame) == nullptr ? 1 : 0;
    }
  }
  return frames;
}

class Relayed {
 public:
  explicit Relayed(const std::string& drawing, const RelayOptions& options = {})
      : machine(drawing),
        memory(mm::align_up(machine.e820.entries().back().range.end, mm::kPageSize)),
        relay(mm::x86_64_platform(), memory.map(), log.printer()) {
    must(relay.take_over(machine.e820.entries(), options.reservations, mm::Phys{mm::kMaxPhys},
                         memory.end_of_low()));
    must(relay.finish({.numa = machine.numa(options.movable.mirror),
                       .movable = options.movable,
                       .cpus = options.cpus,
                       .window = memory.window(),
                       .road = options.road,
                       .order = options.order}));
  }

  [[nodiscard]] std::vector<std::string> buddy() const { return blocks_of(relay); }

  DrawnMachine machine;
  PretendMemory memory;
  Log log;
  mm::Relay<mm::OneCpu> relay;
};

}  // namespace test

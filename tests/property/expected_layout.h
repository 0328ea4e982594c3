// Nodes, zones and mirrored memory as the relay laid them out, against the model.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mm/relay.h"
#include "tests/property/model.h"

namespace test {

// Ranges of one node that touch are one here, whether they can be unplugged or not.
inline std::vector<mm::ActiveRange> joined(std::span<const mm::ActiveRange> active) {
  std::vector<mm::ActiveRange> ranges;
  for (const mm::ActiveRange& range : active) {
    if (!ranges.empty() && ranges.back().pfns.end == range.pfns.start &&
        ranges.back().node == range.node) {
      ranges.back().pfns.end = range.pfns.end;
    } else {
      ranges.push_back({range.pfns, range.node});
    }
  }
  return ranges;
}

inline std::string text(const std::vector<mm::ActiveRange>& active) {
  Log log;
  for (const mm::ActiveRange& range : active) {
    log.printer().line("node {} [{} {})", range.node, range.pfns.start, range.pfns.end);
  }
  return log.take();
}

inline void expect_zones(const Model& model, const Kind& kind, const mm::NumaMap& numa,
                         const mm::NodeLayout& node) {
  mm::PfnRange span{};
  uint64_t ram = 0;
  std::vector<uint64_t> present(kind.zones.size());
  for (const Model::Stretch& s : model.stretches()) {
    if (!s.ram || s.node != node.id) continue;
    if (span.empty()) span.start = s.frames.start;
    span.end = s.frames.end;
    size_t zone = 0;
    while (mm::pfn_down(kind.zones[zone].end) <= s.frames.start) ++zone;
    present[zone] += s.frames.size();
    ram += s.frames.size();
  }
  ASSERT_EQ(node.spanned, span);
  // Movable takes its frames from the zones in front of it.
  const mm::ZoneLayout& movable = node.zones[mm::ZoneType::Movable];
  if (movable.present != 0) {
    uint64_t of_movable = 0;
    for (const mm::ActiveRange& range : numa.active) {
      if (range.node == node.id && !range.mirror) {
        of_movable += range.pfns.clip(movable.spanned).size();
      }
    }
    ASSERT_EQ(movable.present, of_movable);
    uint64_t of_all = 0;
    for (const mm::ZoneLayout& zone : node.zones) of_all += zone.present;
    ASSERT_EQ(of_all, ram);
    return;
  }
  mm::Pfn start{0};
  for (size_t z = 0; z < kind.zones.size(); ++z) {
    const mm::Pfn end = mm::pfn_down(kind.zones[z].end);
    const mm::ZoneLayout& zone = node.zones[kind.zones[z].type];
    ASSERT_EQ(zone.present, present[z]);
    ASSERT_EQ(zone.spanned.size(), span.clip({start, end}).size());
    start = end;
  }
}

inline void expect_layout(const Model& model, const Kind& kind, const mm::RelayCore& relay) {
  ASSERT_EQ(text(joined(relay.numa().active)), text(model.active()));
  ASSERT_EQ(relay.numa().faked, !model.believed());
  for (const mm::NodeLayout& node : relay.layout().nodes) {
    expect_zones(model, kind, relay.numa(), node);
    if (testing::Test::HasFatalFailure()) return;
  }
  uint64_t unavailable = 0;
  mm::for_each_unavailable(relay.numa().active, relay.layout().nodes,
                           [&](mm::NodeId, mm::ZoneType, uint64_t n) { unavailable += n; });
  ASSERT_EQ(unavailable, model.unavailable());
}

// A range is mirrored from its first frame to its last, or not at all.
inline void expect_mirrors(const RandomMachine& machine, const mm::RelayCore& relay) {
  const auto mirrored = [&](mm::Phys at) {
    return std::any_of(machine.mirrored.begin(), machine.mirrored.end(),
                       [&](const mm::Range& range) { return range.contains(at); });
  };
  for (const mm::ActiveRange& range : relay.numa().active) {
    const mm::Range bytes = mm::phys(range.pfns);
    if (range.mirror) {
      ASSERT_TRUE(mirrored(bytes.start) && mirrored(bytes.end - 1));
      continue;
    }
    for (const mm::Range& other : machine.mirrored) {
      ASSERT_TRUE(mm::pfns_inside(other).clip(range.pfns).empty());
    }
  }
}

}  // namespace test

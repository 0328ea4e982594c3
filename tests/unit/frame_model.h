// A plain, slow model of a page allocator: one byte a frame, and nothing clever.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "mm/page_alloc.h"
#include "tests/unit/pretend_machine.h"

namespace mm::test {

class FrameModel {
 public:
  enum Use : uint8_t { kOutside, kFree, kAllocated };

  explicit FrameModel(const Layout& layout) : layout_(layout) {
    uint64_t end = 0;
    for (const ActiveRange& range : layout.active) end = std::max(end, range.pfns.end.v);
    use_.resize(end, kOutside);
    home_.resize(end, 0xffff);
    for (const ActiveRange& range : layout.active) {
      for (const ZoneType zone : kAllZones) {
        const PfnRange part = range.pfns.clip(layout.nodes[range.node].zones[zone].spanned);
        for (Pfn pfn = part.start; pfn < part.end; pfn += 1) {
          home_[pfn.v] = static_cast<uint16_t>(range.node * kZoneTypes + static_cast<size_t>(zone));
        }
      }
    }
  }

  void release(PfnRange frames) {
    for (Pfn pfn = frames.start; pfn < frames.end; pfn += 1) {
      ASSERT_EQ(use_[pfn.v], kOutside);
      use_[pfn.v] = kFree;
    }
  }
  void allocated(Pfn pfn, uint64_t count) { change(pfn, count, kFree, kAllocated); }
  void freed(Pfn pfn, uint64_t count) { change(pfn, count, kAllocated, kFree); }

  [[nodiscard]] NodeId node(Pfn pfn) const {
    return static_cast<NodeId>(home_[pfn.v] / kZoneTypes);
  }
  [[nodiscard]] ZoneType zone(Pfn pfn) const {
    return static_cast<ZoneType>(home_[pfn.v] % kZoneTypes);
  }
  [[nodiscard]] Use use(Pfn pfn) const {
    return pfn.v < use_.size() ? static_cast<Use>(use_[pfn.v]) : kOutside;
  }
  [[nodiscard]] uint64_t size() const { return use_.size(); }

  // Whether these frames are free, and of one zone.
  [[nodiscard]] bool free_block(Pfn pfn, uint64_t count) const {
    if (pfn.v + count > use_.size()) return false;
    for (uint64_t i = 0; i < count; ++i) {
      if (use_[pfn.v + i] != kFree || home_[pfn.v + i] != home_[pfn.v]) return false;
    }
    return true;
  }

  // The free blocks there must be when all that can merge has merged: as free_blocks() without
  // types.
  [[nodiscard]] std::vector<std::string> blocks() const {
    std::vector<std::string> texts;
    each_block([&](Pfn pfn, unsigned order) {
      std::array<char, 96> text;
      format(text, "{} {} {} order {}", node(pfn), zone_name(zone(pfn)), pfn, order);
      texts.emplace_back(text.data());
    });
    return texts;
  }

  // The zones (node, type) that have a free block of the order.
  [[nodiscard]] bool has_block(NodeId node_id, ZoneType type, unsigned order) const {
    const uint64_t size = frames_of(order);
    const PfnRange frames = layout_.nodes[node_id].zones[type].spanned;
    for (Pfn pfn = align_up(frames.start, size); pfn < frames.end; pfn += size) {
      if (pfn.v >= use_.size()) return false;
      if (use_[pfn.v] == kFree &&
          home_[pfn.v] == node_id * kZoneTypes + static_cast<size_t>(type) &&
          free_block(pfn, size)) {
        return true;
      }
    }
    return false;
  }

 private:
  template <class Visit>
  void each_block(Visit visit) const {
    for (uint64_t pfn = 0; pfn < use_.size();) {
      unsigned order = 0;
      if (use_[pfn] != kFree) {
        ++pfn;
        continue;
      }
      while (order < kMaxOrder && pfn % frames_of(order + 1) == 0 &&
             free_block({pfn}, frames_of(order + 1))) {
        ++order;
      }
      visit(Pfn{pfn}, order);
      pfn += frames_of(order);
    }
  }

  void change(Pfn pfn, uint64_t count, Use from, Use to) {
    for (uint64_t i = 0; i < count; ++i) {
      ASSERT_EQ(use_.at(pfn.v + i), from) << "frame " << std::hex << pfn.v + i;
      use_[pfn.v + i] = to;
    }
  }

  const Layout& layout_;
  std::vector<uint8_t> use_;
  std::vector<uint16_t> home_;  // node * kZoneTypes + zone
};

inline std::vector<std::string> without_types(std::vector<std::string> texts) {
  for (std::string& text : texts) text.resize(text.rfind(' '));
  return texts;
}

// A machine of odd sizes: some nodes, some holes, some reservations, zones that end anywhere.
struct RandomMachine {
  explicit RandomMachine(uint64_t seed) : random(seed) {
    const uint64_t count = 1 + random() % 4;
    const uint64_t unit = random() % 3 == 0 ? 1 : 512;  // odd sizes or whole pageblocks
    Pfn pfn{1 + random() % 3000};
    nodes.resize(count);
    for (size_t id = 0; id < count; ++id) {
      const uint64_t ranges = random() % 8 == 0 && id != 0 ? 0 : 1 + random() % 3;
      for (uint64_t i = 0; i < ranges; ++i) {
        const uint64_t size = (1 + random() % (random() % 4 == 0 ? 40000 : 5000) / unit) * unit;
        nodes[id].ram.push_back({pfn, pfn + size});
        for (uint64_t r = random() % 4; r > 0; --r) {
          const Pfn start = pfn + random() % size;
          reserved.push_back({start, std::min(pfn + size, start + 1 + random() % 700)});
        }
        pfn += size;
        // Ranges of one node do not touch: they would be one.
        if (random() % 2 == 0 || i + 1 < ranges) pfn += (1 + random() % 2000 / unit) * unit;
      }
    }
    std::sort(reserved.begin(), reserved.end(),
              [](const PfnRange& a, const PfnRange& b) { return a.start < b.start; });
    Pfn end;
    for (PfnRange& range : reserved) {
      range.start = std::max(range.start, end);
      end = std::max(end, range.end);
    }
    std::erase_if(reserved, [](const PfnRange& r) { return r.empty(); });
    // A border may lie inside a pageblock.
    limits.dma = random() % 4 == 0 ? 1000 + random() % 9000 : 4096;
    limits.dma32 = limits.dma + (random() % 4 == 0 ? random() % 30000 : 16384 * (1 + random() % 4));
    limits.normal = limits.dma32 + (random() % 2 == 0 ? 32768 : uint64_t{1} << 30);
    limits.highmem = limits.normal + (random() % 2 == 0 ? 16384 : uint64_t{1} << 30);
  }
  std::mt19937_64 random;
  std::vector<NodeRam> nodes;
  std::vector<PfnRange> reserved;
  Limits limits;
};

}  // namespace mm::test

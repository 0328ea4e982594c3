// A machine to try the page allocator on: nodes of pretend RAM, with a mem_map full of lies.
//
// RAM and the structures lie in a sparse mapping of the host's; frames are touched only when a test
// or the allocator touches them. NODE_DATA, mem_map and the per-CPU areas lie above all RAM. What
// they hold at first is meant to mislead: heads of free and allocated blocks everywhere.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "mm/page_alloc.h"
#include "mm/policy.h"

namespace mm::test {

using ::mm::OneCpu;

struct ManyThreads : ManyCpus {
  using Lock = std::mutex;
  using Masked = OneCpu::Masked;
};

class Text {
 public:
  [[nodiscard]] Printer printer() { return Printer(&Text::sink, this); }
  std::string text;

 private:
  static void sink(void* context, std::string_view piece) {
    static_cast<Text*>(context)->text += piece;
  }
};

constexpr uint64_t frames(uint64_t bytes) { return bytes / kPageSize; }
constexpr PfnRange at(uint64_t start_byte, uint64_t end_byte) {
  return {{start_byte >> kPageShift}, {end_byte >> kPageShift}};
}

// A node's RAM, as frames.
struct NodeRam {
  std::vector<PfnRange> ram;  // ascending
};

// Where zones end, on every node.
struct Limits {
  uint64_t dma = frames(16 * kMiB);
  uint64_t dma32 = frames(4 * kGiB);
  uint64_t normal = uint64_t{1} << 40;
  uint64_t highmem = uint64_t{1} << 40;

  // A PC's, or with HighMem IA-32's.
  [[nodiscard]] ZoneSet zones() const {
    ZoneSet zones;
    for (const ZoneType type : kAllZones) zones.has[type] = true;
    zones.has[normal < highmem ? ZoneType::Dma32 : ZoneType::HighMem] = false;
    zones.device = normal == highmem;
    return zones;
  }
};

template <class Policy = OneCpu>
class PretendMachine {
 public:
  explicit PretendMachine(const std::vector<NodeRam>& nodes, unsigned cpus = 1, uint64_t seed = 1,
                          Limits limits = {})
      : nodes_(nodes.size()), cpus_(cpus) {
    for (size_t id = 0; id < nodes.size(); ++id) {
      for (const PfnRange& range : nodes[id].ram) {
        active_.push_back({range, static_cast<NodeId>(id)});
      }
      lay_out(nodes_[id], static_cast<NodeId>(id), nodes[id], limits);
    }
    std::sort(active_.begin(), active_.end(), [](const ActiveRange& a, const ActiveRange& b) {
      return a.pfns.start < b.pfns.start;
    });
    fallback_.resize(nodes_.size() * nodes_.size());
    for (NodeLayout& node : nodes_) {
      node.fallback = &fallback_[node.id * nodes_.size()];
      for (size_t i = 0; i < nodes_.size(); ++i) {
        const size_t id = (node.id + i) % nodes_.size();
        if (nodes_[id].present != 0 || id == node.id) {
          node.fallback[node.fallback_count++] = static_cast<NodeId>(id);
        }
      }
    }
    for (unsigned cpu = 0; cpu < cpus; ++cpu) {
      cpu_nodes_.push_back(static_cast<NodeId>(cpu % nodes.size()));
    }
    layout_ = {active_, nodes_, limits.zones(), cpu_nodes_};
    place();
    lie(seed);
    ready = allocator.init(layout_, map_, cpus, log.printer());
  }
  ~PretendMachine() {
    if (memory_ != nullptr) munmap(memory_, size_);
  }
  PretendMachine(const PretendMachine&) = delete;
  PretendMachine& operator=(const PretendMachine&) = delete;

  // Hands over all RAM but the reserved ranges; the first fault, if any.
  Result<> release_all(const std::vector<PfnRange>& reserved = {}) {
    for (const ActiveRange& range : active_) {
      Pfn from = range.pfns.start;
      for (const PfnRange& hole : reserved) {
        const PfnRange part = hole.clip(range.pfns);
        if (part.empty()) continue;
        if (from < part.start) {
          if (const Result<> result = allocator.release({from, part.start}); !result.ok()) {
            return result;
          }
        }
        from = part.end;
      }
      if (from < range.pfns.end) {
        if (const Result<> result = allocator.release({from, range.pfns.end}); !result.ok()) {
          return result;
        }
      }
    }
    return {};
  }

  [[nodiscard]] const Layout& layout() const { return layout_; }
  [[nodiscard]] const DirectMap& map() const { return map_; }
  [[nodiscard]] unsigned cpus() const { return cpus_; }
  [[nodiscard]] Page& page(Pfn pfn) {
    const NodeLayout& node = nodes_[allocator.node_of(pfn)->id];
    return map_.at<Page>(node.mem_map.start)[pfn - node.mem_map_start];
  }

  Text log;
  PageAllocator<Policy> allocator;
  Result<> ready;

 private:
  static void lay_out(NodeLayout& node, NodeId id, const NodeRam& from, const Limits& limits) {
    node.id = id;
    if (from.ram.empty()) return;
    node.spanned = {from.ram.front().start, from.ram.back().end};
    PerZone<uint64_t> ends{};
    ends[ZoneType::Dma] = limits.dma;
    ends[ZoneType::Dma32] = limits.dma32;
    ends[ZoneType::Normal] = limits.normal;
    ends[ZoneType::HighMem] = limits.highmem;
    ends[ZoneType::Movable] = uint64_t{1} << 41;
    uint64_t start = 0;
    for (const ZoneType zone : kAllZones) {
      const PfnRange limit{{start}, {ends[zone]}};
      start = std::max(start, ends[zone]);
      for (const PfnRange& range : from.ram) node.zones[zone].present += range.clip(limit).size();
      if (node.zones[zone].present != 0) node.zones[zone].spanned = node.spanned.clip(limit);
      node.present += node.zones[zone].present;
    }
    node.mem_map_start = align_down(node.spanned.start, kPagesPerSection);
  }

  void place() {
    Pfn end;
    for (const ActiveRange& range : active_) end = std::max(end, range.pfns.end);
    Phys next = phys(align_up(end, kPagesPerSection));
    // RAM itself, which few tests touch, may be more than a CPU of 32 bits has addresses for.
    const Phys first = sizeof(void*) < 8 && next > Phys{kGiB / 8} ? next : Phys{0};
    const auto take = [&](uint64_t bytes) {
      const Range range{next, next + align_up(bytes, kPageSize)};
      next = range.end;
      return range;
    };
    for (NodeLayout& node : nodes_) {
      node.node_data = take(node_data_size(layout_, node.id));
      if (node.present == 0) continue;
      const Pfn last = align_up(node.spanned.end, kPagesPerSection);
      node.mem_map = take((last - node.mem_map_start) * sizeof(Page));
      const auto each_giga = [&](PfnRange frames, uint64_t bytes) {
        return take(whole_gigas(frames).size() / kGigaFrames * bytes);
      };
      node.heads = each_giga(node.spanned, heads_bytes());
      for (ZoneLayout& zone : node.zones) {
        if (zone.present != 0) zone.pageblocks = each_giga(zone.spanned, pageblocks_bytes());
      }
    }
    for (NodeLayout& node : nodes_) node.per_cpu = take(per_cpu_size(layout_, cpus_, node.id));
    size_ = static_cast<size_t>(next - first);
    memory_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory_ == MAP_FAILED) {
      memory_ = nullptr;
      std::abort();
    }
    map_ = DirectMap(reinterpret_cast<uintptr_t>(memory_) - static_cast<uintptr_t>(first.v));
  }

  void lie(uint64_t seed) {
    std::mt19937_64 random(seed);
    for (const NodeLayout& node : nodes_) {
      std::memset(map_.at<>(node.node_data.start), 0xa5, node.node_data.size());
      Page* pages = map_.at<Page>(node.mem_map.start);
      const uint64_t count = std::min<uint64_t>(node.mem_map.size / sizeof(Page), 1u << 20);
      for (uint64_t i = 0; i < count; ++i) {
        // Whatever would fit a block at this frame, most of all free ones of the right zone.
        const uint64_t r = random();
        const Pfn pfn = node.mem_map_start + i;
        const auto fits = std::min(18u, static_cast<unsigned>(std::countr_zero(pfn.v | 1u << 18)));
        ZoneType zone = kAllZones[r % kZoneTypes];
        for (const ZoneType z : kAllZones) {
          if (node.zones[z].spanned.contains(pfn)) zone = z;
        }
        const auto state = r % 4 == 0 ? BlockState::Allocated : BlockState::Free;
        pages[i] = {Tag{state, r % 3 == 0 ? fits : static_cast<unsigned>((r >> 8) % (fits + 1)),
                        zone, node.id}
                        .word(),
                    static_cast<uint32_t>(r >> 16) & 3, static_cast<uint32_t>(r >> 20) % 4096,
                    static_cast<uint32_t>(r >> 40) % 4096};
      }
    }
    for (const NodeLayout& node : nodes_) {
      std::memset(map_.at<>(node.per_cpu.start), 0x5a, node.per_cpu.size());
    }
  }

  std::vector<ActiveRange> active_;
  std::vector<NodeLayout> nodes_;
  std::vector<NodeId> fallback_;
  std::vector<NodeId> cpu_nodes_;
  unsigned cpus_;
  Layout layout_;
  void* memory_ = nullptr;
  size_t size_ = 0;
  DirectMap map_;
};

// What is free, in order, readable: "DMA 0x1000 order 2 Movable".
inline std::vector<std::string> free_blocks(const PageAllocatorCore& core) {
  std::vector<FreeBlock> blocks;
  core.for_each_free_block([&](const FreeBlock& block) {
    blocks.push_back(block);
    return true;
  });
  std::sort(blocks.begin(), blocks.end(),
            [](const FreeBlock& a, const FreeBlock& b) { return a.pfn < b.pfn; });
  std::vector<std::string> texts;
  for (const FreeBlock& block : blocks) {
    std::array<char, 128> text;
    format(text, "{} {} {} order {} {}", block.node, zone_name(block.zone), block.pfn, block.order,
           migratetype_name(block.migratetype));
    texts.emplace_back(text.data());
  }
  return texts;
}

}  // namespace mm::test

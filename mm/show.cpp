#include "mm/show.h"

#include <algorithm>
#include <bit>
#include <span>

#include "mm/zones.h"

namespace mm {
namespace {

// What is kept in the zone from those who could use each zone that the platform has; Device is the
// last, and nobody else comes behind Movable.
void show_reserves(const Printer& out, const PerZone<uint64_t>& reserve, const ZoneSet& shown,
                   const char* before, const char* between) {
  for (const ZoneType type : kAllZones) {
    if (!shown.has[type]) continue;
    out.part("{}{}", before, reserve[type]);
    before = between;
  }
  if (shown.device) out.part("{}{}", before, reserve[kAllZones.back()]);
}

uint64_t kib(uint64_t pages) { return pages * (kPageSize / kKiB); }

uint64_t watermark_of(const Zone& zone, Watermark which) {
  return zone.watermark[static_cast<size_t>(which)];
}

uint64_t on_cpu_list(const PageAllocatorCore& core, unsigned cpu, const Zone& zone) {
  const Pcp& pcp = core.pcp(cpu, zone);
  return static_cast<uint64_t>(pcp.count()) +
         static_cast<uint64_t>(pcp.huge_count()) * kPageblockFrames;
}

template <class Visit>
void for_each_populated(const PageAllocatorCore& core, Visit visit) {
  for (size_t id = 0; id < core.node_count(); ++id) {
    for (const Zone& zone : core.node(static_cast<NodeId>(id)).zones) {
      if (zone.populated) visit(zone);
    }
  }
}

void line_start(const Printer& out, const Zone& zone) {
  out.part("Node {}, zone {:>8} ", zone.node_id, zone.type);
}

}  // namespace

void show_buddyinfo(const PageAllocatorCore& core, const Printer& out) {
  for_each_populated(core, [&](const Zone& zone) {
    line_start(out, zone);
    const BlockCounts counts = count_free_blocks(zone);
    for (unsigned order = 0; order < kOrders; ++order) out.part("{:6} ", counts.total(order));
    out.line("");
  });
}

void show_memory_line(const PageAllocatorCore& core, const std::optional<ImageSizes>& image,
                      const Printer& out) {
  const ZoneCounts counts = core.counts();
  out.part("Memory: {}K/{}K available (", kib(counts.free + counts.on_cpu_lists),
           kib(counts.present));
  if (image) {
    out.part("{}K kernel code, {}K rwdata, {}K rodata, {}K init, {}K bss, ", image->code / kKiB,
             image->data / kKiB, image->rodata / kKiB, image->init / kKiB, image->bss / kKiB);
  }
  out.part("{}K reserved, {}K cma-reserved", kib(counts.present - counts.managed), 0);
  // As Linux has it, where the architecture has such a zone.
  if (core.layout().zones.has[ZoneType::HighMem]) {
    uint64_t highmem = 0;
    for (const NodeLayout& node : core.layout().nodes) {
      highmem += core.zone_counts(node.id, ZoneType::HighMem).managed;
    }
    out.part(", {}K highmem", kib(highmem));
  }
  out.line(")");
}

// --- pagetypeinfo --------------------------------------------------------------------------------

namespace {

// Whether a pageblock that starts here counts as the zone's, whose span holds it. Zones overlap
// with kernelcore=mirror only, and Linux takes holes there for the lower one's.
bool counts_for(const Layout& layout, const Zone& zone, Pfn pfn) {
  const NodeLayout& node = layout.nodes[zone.node_id];
  const size_t i = first_active_ending_after(layout.active, pfn);
  if (i < layout.active.size() && layout.active[i].pfns.contains(pfn)) {
    const ActiveRange& range = layout.active[i];
    return range.node == zone.node_id && frames_of_zone(node, zone.type, range).contains(pfn);
  }
  return std::none_of(node.zones.begin(), node.zones.begin() + static_cast<ptrdiff_t>(zone.type),
                      [&](const ZoneLayout& lower) { return lower.spanned.contains(pfn); });
}

// Pageblocks of a zone by type. Linux counts those whose first frame's section has RAM.
std::array<uint64_t, kMigratetypes> count_pageblocks(const Layout& layout, const Zone& zone) {
  std::array<uint64_t, kMigratetypes> count{};
  const PageblockMap& blocks = zone.node->blocks;
  for (Pfn pfn = zone.spanned.start; pfn < zone.spanned.end;) {
    const Pfn next_giga = end_of_part(pfn, kGigaFrames);
    const bool uniform = blocks.in_run(pfn) || blocks.fresh_giga(pfn);
    if (blocks.in_run(pfn)) {  // all RAM of one zone, all Movable
      if (counts_for(layout, zone, pfn)) {
        count[static_cast<size_t>(Migratetype::Movable)] += (next_giga - pfn) / kPageblockFrames;
      }
      pfn = next_giga;
      continue;
    }
    if (pfn_valid(layout.active, pfn) && counts_for(layout, zone, pfn)) {
      const Migratetype type = uniform ? Migratetype::Movable : blocks.at(pfn).type();
      ++count[static_cast<size_t>(type)];
    }
    pfn += kPageblockFrames;
  }
  return count;
}

}  // namespace

void show_pagetypeinfo(const PageAllocatorCore& core, const Printer& out) {
  for (size_t id = 0; id < core.node_count(); ++id) {
    const Node& node = core.node(static_cast<NodeId>(id));
    if (node.present == 0) continue;
    out.line("Page block order: {}", kPageblockOrder);
    out.line("Pages per block:  {}", kPageblockFrames);
    out.line("");
    out.part("{:43} ", "Free pages count per migrate type at order");
    for (unsigned order = 0; order < kOrders; ++order) out.part("{:6} ", order);
    out.line("");
    for (const Zone& zone : node.zones) {
      if (!zone.populated) continue;
      const BlockCounts counts = count_free_blocks(zone);
      for (unsigned type = 0; type < kMigratetypes; ++type) {
        out.part("Node {:4}, zone {:>8}, type {:>12} ", zone.node_id, zone.type,
                 migratetype_name(static_cast<Migratetype>(type)));
        for (const uint64_t blocks : counts.of[type]) out.part("{:6} ", blocks);
        out.line("");
      }
    }
    out.line("");
    out.part("{:23}", "Number of blocks type ");
    for (unsigned type = 0; type < kMigratetypes; ++type) {
      out.part("{:>12} ", migratetype_name(static_cast<Migratetype>(type)));
    }
    out.line("");
    for (const Zone& zone : node.zones) {
      if (!zone.populated) continue;
      line_start(out, zone);
      for (const uint64_t count : count_pageblocks(core.layout(), zone)) out.part("{:12} ", count);
      out.line("");
    }
  }
}

// --- zoneinfo ------------------------------------------------------------------------------------

namespace {

constexpr std::array kNodeStats{"nr_inactive_anon",
                                "nr_active_anon",
                                "nr_inactive_file",
                                "nr_active_file",
                                "nr_unevictable",
                                "nr_slab_reclaimable",
                                "nr_slab_unreclaimable",
                                "nr_isolated_anon",
                                "nr_isolated_file",
                                "workingset_nodes",
                                "workingset_refault_anon",
                                "workingset_refault_file",
                                "workingset_activate_anon",
                                "workingset_activate_file",
                                "workingset_restore_anon",
                                "workingset_restore_file",
                                "workingset_nodereclaim",
                                "nr_anon_pages",
                                "nr_mapped",
                                "nr_file_pages",
                                "nr_dirty",
                                "nr_writeback",
                                "nr_writeback_temp",
                                "nr_shmem",
                                "nr_shmem_hugepages",
                                "nr_shmem_pmdmapped",
                                "nr_file_hugepages",
                                "nr_file_pmdmapped",
                                "nr_anon_transparent_hugepages",
                                "nr_vmscan_write",
                                "nr_vmscan_immediate_reclaim",
                                "nr_dirtied",
                                "nr_written",
                                "nr_throttled_written",
                                "nr_kernel_misc_reclaimable",
                                "nr_foll_pin_acquired",
                                "nr_foll_pin_released",
                                "nr_kernel_stack",
                                "nr_page_table_pages",
                                "nr_sec_page_table_pages",
                                "nr_swapcached",
                                "pgpromote_success",
                                "pgpromote_candidate"};
// After nr_free_pages.
constexpr std::array kZoneStats{"nr_zone_inactive_anon",
                                "nr_zone_active_anon",
                                "nr_zone_inactive_file",
                                "nr_zone_active_file",
                                "nr_zone_unevictable",
                                "nr_zone_write_pending",
                                "nr_mlock",
                                "nr_bounce",
                                "nr_zspages",
                                "nr_free_cma"};

void stat(const Printer& out, const char* name, uint64_t value) {
  out.part("\n      {:12} {}", name, value);
}

// How far a CPU's counters may drift in Linux before they are folded; Linux's
// calculate_normal_threshold. Baton's do not drift.
uint64_t stat_threshold(const Zone& zone, unsigned cpus) {
  const auto parts = static_cast<unsigned>(std::bit_width(zone.managed >> (27 - kPageShift)));
  return std::min(125u, 2 * static_cast<unsigned>(std::bit_width(cpus)) * (1 + parts));
}

void show_unpopulated(const Printer& out, unsigned node, const char* name, const ZoneSet& shown) {
  out.part("Node {}, zone {:>8}", node, name);
  out.part("\n  pages free     0\n        boost    0\n        min      0\n        low      0");
  out.part("\n        high     0\n        spanned  0\n        present  0\n        managed  0");
  out.part("\n        cma      0\n        protection: (");
  show_reserves(out, {}, shown, "", ", ");
  out.line(")");
}

void show_zone(const PageAllocatorCore& core, const Printer& out, const Zone& zone, bool first,
               const ZoneSet& shown) {
  out.part("Node {}, zone {:>8}", zone.node_id, zone.type);
  if (first) {
    out.part("\n  per-node stats");
    for (const char* name : kNodeStats) stat(out, name, 0);
  }
  out.part("\n  pages free     {}\n        boost    0", zone.free_pages);
  out.part("\n        min      {}", watermark_of(zone, Watermark::Min));
  out.part("\n        low      {}", watermark_of(zone, Watermark::Low));
  out.part("\n        high     {}", watermark_of(zone, Watermark::High));
  out.part("\n        spanned  {}", zone.spanned.size());
  out.part("\n        present  {}", zone.present);
  out.part("\n        managed  {}", zone.managed);
  out.part("\n        cma      0");
  show_reserves(out, zone.lowmem_reserve, shown, "\n        protection: (", ", ");
  out.part(")");
  stat(out, "nr_free_pages", zone.free_pages);
  for (const char* name : kZoneStats) stat(out, name, 0);
  const NumaEvents events = core.zone_events(zone.node_id, zone.type);
  stat(out, "numa_hit", events.hit);
  stat(out, "numa_miss", events.miss);
  stat(out, "numa_foreign", events.foreign);
  stat(out, "numa_interleave", events.interleave);
  stat(out, "numa_local", events.hit + events.miss - events.other);
  stat(out, "numa_other", events.other);
  out.part("\n  pagesets");
  unsigned online = 0;
  for (unsigned cpu = 0; cpu < core.cpus(); ++cpu) online += core.cpu_online(cpu);
  for (unsigned cpu = 0; cpu < core.cpus(); ++cpu) {
    if (!core.cpu_online(cpu)) continue;
    const Pcp& pcp = core.pcp(cpu, zone);
    out.part("\n    cpu: {}\n              count: {}\n              high:  {}", cpu,
             on_cpu_list(core, cpu, zone), pcp.high);
    out.part("\n              batch: {}\n  vm stats threshold: {}", pcp.batch,
             stat_threshold(zone, online));
  }
  out.line("\n  node_unreclaimable:  0\n  start_pfn:           {}", zone.spanned.start.v);
}

}  // namespace

void show_zoneinfo(const PageAllocatorCore& core, const Printer& out) {
  const ZoneSet& shown = core.layout().zones;
  for (size_t id = 0; id < core.node_count(); ++id) {
    const Node& node = core.node(static_cast<NodeId>(id));
    bool first = true;
    for (const ZoneType type : kAllZones) {
      const Zone& zone = node.zones[type];
      if (!shown.has[type]) continue;
      if (zone.populated) {
        show_zone(core, out, zone, first, shown);
        first = false;
      } else {
        show_unpopulated(out, node.id, zone_name(type), shown);
      }
    }
    if (shown.device) show_unpopulated(out, node.id, "Device", shown);
  }
}

// --- meminfo -------------------------------------------------------------------------------------

void show_meminfo(const PageAllocatorCore& core, const Printer& out) {
  uint64_t total = 0;
  uint64_t free = 0;
  uint64_t high_total = 0;
  uint64_t high_free = 0;
  for_each_populated(core, [&](const Zone& zone) {
    total += zone.managed;
    free += zone.free_pages;
    if (zone.type != ZoneType::HighMem) return;
    high_total += zone.managed;
    high_free += zone.free_pages;
  });
  const uint64_t reserve = core.totalreserve_pages();
  const auto value = [&](const char* name, uint64_t pages) {
    out.line("{}{:8} kB", name, kib(pages));
  };
  const auto none = [&](std::span<const char* const> names) {
    for (const char* name : names) value(name, 0);
  };
  value("MemTotal:       ", total);
  value("MemFree:        ", free);
  value("MemAvailable:   ", free > reserve ? free - reserve : 0);
  constexpr std::array kBeforeHigh{
      "Buffers:        ", "Cached:         ", "SwapCached:     ", "Active:         ",
      "Inactive:       ", "Active(anon):   ", "Inactive(anon): ", "Active(file):   ",
      "Inactive(file): ", "Unevictable:    ", "Mlocked:        "};
  none(kBeforeHigh);
  if (core.layout().zones.has[ZoneType::HighMem]) {
    value("HighTotal:      ", high_total);
    value("HighFree:       ", high_free);
    value("LowTotal:       ", total - high_total);
    value("LowFree:        ", free - high_free);
  }
  constexpr std::array kAfterHigh{
      "SwapTotal:      ", "SwapFree:       ", "Zswap:          ", "Zswapped:       ",
      "Dirty:          ", "Writeback:      ", "AnonPages:      ", "Mapped:         ",
      "Shmem:          ", "KReclaimable:   ", "Slab:           ", "SReclaimable:   ",
      "SUnreclaim:     ", "KernelStack:    ", "PageTables:     ", "SecPageTables:  ",
      "NFS_Unstable:   ", "Bounce:         ", "WritebackTmp:   ", "CommitLimit:    ",
      "Committed_AS:   ", "VmallocTotal:   ", "VmallocUsed:    ", "VmallocChunk:   "};
  none(kAfterHigh);
  uint64_t per_cpu = 0;
  for (const NodeLayout& node : core.layout().nodes) per_cpu += node.per_cpu.size() / kPageSize;
  value("Percpu:         ", per_cpu);
  out.line("HardwareCorrupted: {:5} kB", 0);
  constexpr std::array kHuge{"AnonHugePages:  ", "ShmemHugePages: ", "ShmemPmdMapped: ",
                             "FileHugePages:  ", "FilePmdMapped:  "};
  none(kHuge);
  constexpr std::array kHugetlb{
      "HugePages_Total:", "HugePages_Free: ", "HugePages_Rsvd: ", "HugePages_Surp: "};
  for (const char* name : kHugetlb) out.line("{}   {:5}", name, 0);
  value("Hugepagesize:   ", kPageblockFrames);
  value("Hugetlb:        ", 0);
}

// --- A failed allocation -------------------------------------------------------------------------

namespace {

// Which types have a block of the order: "(UM) ".
void show_types(const Printer& out, const BlockCounts& counts, unsigned order) {
  constexpr std::array kLetters{'U', 'M', 'E', 'H', 'I'};
  out.part("(");
  for (unsigned type = 0; type < kMigratetypes; ++type) {
    if (counts.of[type][order] != 0) out.part("{}", kLetters[type]);
  }
  out.part(") ");
}

void show_free_areas(const Printer& out, const Zone& zone) {
  out.part("Node {} {}: ", zone.node_id, zone.type);
  const BlockCounts counts = count_free_blocks(zone);
  uint64_t total = 0;
  for (unsigned order = 0; order < kOrders; ++order) {
    const uint64_t blocks = counts.total(order);
    out.part("{}*{}kB ", blocks, kib(frames_of(order)));
    if (blocks != 0) show_types(out, counts, order);
    total += blocks << order;
  }
  out.line("= {}kB", kib(total));
}

void show_zone_state(const PageAllocatorCore& core, unsigned cpu, const Printer& out,
                     const Zone& zone, const ZoneSet& shown) {
  uint64_t free_pcp = 0;
  for (unsigned other = 0; other < core.cpus(); ++other) {
    if (core.cpu_online(other)) free_pcp += on_cpu_list(core, other, zone);
  }
  out.part("Node {} {} free:{}kB boost:0kB", zone.node_id, zone.type, kib(zone.free_pages));
  out.part(" min:{}kB low:{}kB high:{}kB", kib(watermark_of(zone, Watermark::Min)),
           kib(watermark_of(zone, Watermark::Low)), kib(watermark_of(zone, Watermark::High)));
  out.part(" reserved_highatomic:{}KB", kib(zone.nr_reserved_highatomic));
  out.part(" active_anon:0kB inactive_anon:0kB active_file:0kB inactive_file:0kB unevictable:0kB");
  out.part(" writepending:0kB present:{}kB managed:{}kB mlocked:0kB bounce:0kB", kib(zone.present),
           kib(zone.managed));
  out.line(" free_pcp:{}kB local_pcp:{}kB free_cma:0kB", kib(free_pcp),
           kib(on_cpu_list(core, cpu, zone)));
  show_reserves(out, zone.lowmem_reserve, shown, "lowmem_reserve[]: ", " ");
  out.line("");
}

void show_node_state(const Printer& out, unsigned id) {
  out.part("Node {} active_anon:0kB inactive_anon:0kB active_file:0kB inactive_file:0kB", id);
  out.part(" unevictable:0kB isolated(anon):0kB isolated(file):0kB mapped:0kB dirty:0kB");
  out.part(" writeback:0kB shmem:0kB shmem_thp: 0kB shmem_pmdmapped: 0kB anon_thp: 0kB");
  out.part(" writeback_tmp:0kB kernel_stack:0kB pagetables:0kB sec_pagetables:0kB");
  out.line(" all_unreclaimable? no");
}

// Linux has a line for each size it could keep huge pages of; Baton keeps none.
void show_huge_pages(const PageAllocatorCore& core, const Printer& out) {
  for (size_t id = 0; id < core.node_count(); ++id) {
    if (core.layout().nodes[id].fallback_count == 0) continue;
    for (const uint64_t size : {kib(kGigaFrames), kib(kPageblockFrames)}) {
      out.part("Node {} hugepages_total=0 hugepages_free=0 hugepages_surp=0", id);
      out.line(" hugepages_size={}kB", size);
    }
  }
}

// "0-1,3"
void show_nodes(const NodeSet& nodes, const Printer& out) {
  const char* before = "";
  for (NodeId id = 0; id < nodes.end(); ++id) {
    if (!nodes.has(id)) continue;
    NodeId last = id;
    while (nodes.has(static_cast<NodeId>(last + 1))) ++last;
    out.part("{}{}", before, id);
    if (last != id) out.part("-{}", last);
    before = ",";
    id = last;
  }
}

}  // namespace

void show_mem(const PageAllocatorCore& core, unsigned cpu, ZoneType highest, const Printer& out) {
  const ZoneSet& shown = core.layout().zones;
  ZoneCounts sum;
  uint64_t free_pcp = 0;
  uint64_t movable_only = 0;
  for_each_populated(core, [&](const Zone& zone) {
    const ZoneCounts counts = core.zone_counts(zone.node_id, zone.type);
    sum += counts;
    if (zone.type <= highest) free_pcp += counts.on_cpu_lists;
    if (zone.type >= ZoneType::HighMem) movable_only += zone.present;
  });
  out.line("Mem-Info:");
  out.line("active_anon:0 inactive_anon:0 isolated_anon:0");
  out.line(" active_file:0 inactive_file:0 isolated_file:0");
  out.line(" unevictable:0 dirty:0 writeback:0");
  out.line(" slab_reclaimable:0 slab_unreclaimable:0");
  out.line(" mapped:0 shmem:0 pagetables:0");
  out.line(" sec_pagetables:0 bounce:0");
  out.line(" kernel_misc_reclaimable:0");
  out.line(" free:{} free_pcp:{} free_cma:0", sum.free - sum.isolated, free_pcp);
  for (size_t id = 0; id < core.node_count(); ++id) {
    const auto& zones = core.node(static_cast<NodeId>(id)).zones;
    const bool managed = std::any_of(zones.begin(), zones.end(), [&](const Zone& zone) {
      return zone.type <= highest && zone.managed != 0;
    });
    if (managed) show_node_state(out, static_cast<unsigned>(id));
  }
  for_each_populated(core, [&](const Zone& zone) {
    if (zone.type <= highest) show_zone_state(core, cpu, out, zone, shown);
  });
  for_each_populated(core, [&](const Zone& zone) {
    if (zone.type <= highest) show_free_areas(out, zone);
  });
  show_huge_pages(core, out);
  out.line("0 total pagecache pages");
  out.line("0 pages in swap cache");
  out.line("Free swap  = 0kB");
  out.line("Total swap = 0kB");
  out.line("{} pages RAM", sum.present);
  out.line("{} pages HighMem/MovableOnly", movable_only);
  out.line("{} pages reserved", sum.present - sum.managed);
  out.line("0 pages hwpoisoned");
}

void PageAllocatorCore::report_failure(const Printer& out, unsigned cpu, Gfp gfp, unsigned order,
                                       const NodeSet* allowed) const {
  NodeSet with_memory;
  for (NodeId id = 0; id < node_count_; ++id) {
    if (node(id).present != 0) with_memory.set(id);
  }
  out.part("swapper/{}: page allocation failure: order:{}, mode:{:#x}(", cpu, order, gfp.bits());
  print_gfp(out, gfp);
  out.part("), nodemask=");
  if (allowed == nullptr) {
    out.part("(null)");
  } else {
    show_nodes(*allowed, out);
  }
  out.part(",cpuset=/,mems_allowed=");
  show_nodes(with_memory, out);
  out.line("");
  show_mem(*this, cpu, gfp_zone(gfp), out);
}

const char* words_of(FrameUse use) {
  switch (use) {
    case FrameUse::NoNode:
      return "in no node's mem_map";
    case FrameUse::Hole:
      return "a hole: no RAM is there";
    case FrameUse::Reserved:
      return "reserved: not the allocator's";
    case FrameUse::Free:
      return "free";
    case FrameUse::OnCpuList:
      return "free, on a CPU's list";
    case FrameUse::Allocated:
      return "allocated";
  }
  return "";
}

}  // namespace mm

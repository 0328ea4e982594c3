#include "kernel/report.h"

#include <array>

namespace kernel {
namespace {

using mm::FreeBlock;
using mm::kMigratetypes;
using mm::kOrders;
using mm::kZoneTypes;
using mm::Migratetype;
using mm::Node;
using mm::PageAllocatorCore;
using mm::Printer;
using mm::Zone;
using mm::ZoneCounts;
using mm::ZoneType;

constexpr uint64_t kib(uint64_t pages) { return pages << (mm::kPageShift - 10); }

// HighMem is no zone of x86-64's; Linux does not print it there.
constexpr bool is_printed(ZoneType type) { return type != ZoneType::HighMem; }

template <class Visit>
void for_each_zone(const PageAllocatorCore& pages, Visit visit) {
  for (size_t id = 0; id < pages.node_count(); ++id) {
    const Node& node = pages.node(static_cast<mm::NodeId>(id));
    for (const Zone& zone : node.zones) {
      if (is_printed(zone.type)) visit(node, zone);
    }
  }
}

void print_zone_name(const Node& node, const char* name, const Printer& out) {
  out.part("Node %u, zone %8s", node.id, name);
}

// The first populated zone of a node carries what /proc/zoneinfo tells of the node.
bool is_first_populated(const Node& node, const Zone& zone) {
  for (const Zone& other : node.zones) {
    if (other.populated) return &other == &zone;
  }
  return false;
}

void print_zone_counts(const Zone& zone, const ZoneCounts& counts, const Printer& out) {
  using mm::Watermark;
  const auto mark = [&](Watermark w) { return zone.watermark[static_cast<size_t>(w)]; };
  out.line("  pages free     %lu", counts.free);
  out.line("        boost    0");
  out.line("        min      %lu", mark(Watermark::Min));
  out.line("        low      %lu", mark(Watermark::Low));
  out.line("        high     %lu", mark(Watermark::High));
  out.line("        spanned  %lu", counts.spanned);
  out.line("        present  %lu", counts.present);
  out.line("        managed  %lu", counts.managed);
  out.line("        cma      0");
  // Linux's zones: DMA, DMA32, Normal, Movable, and Device, whose reserve is Movable's.
  const auto reserve = [&](ZoneType z) { return zone.lowmem_reserve[static_cast<size_t>(z)]; };
  out.line("        protection: (%lu, %lu, %lu, %lu, %lu)", reserve(ZoneType::Dma),
           reserve(ZoneType::Dma32), reserve(ZoneType::Normal), reserve(ZoneType::Movable),
           reserve(ZoneType::Movable));
}

void print_pagesets(const PageAllocatorCore& pages, const Zone& zone, const Printer& out) {
  out.line("  pagesets");
  for (unsigned cpu = 0; cpu < pages.cpus(); ++cpu) {
    if (!pages.cpu_online(cpu)) continue;
    const mm::Pcp& pcp = pages.pcp(cpu, zone);
    out.line("    cpu: %u", cpu);
    out.line("              count: %i", pcp.count);
    out.line("              high:  %i", pcp.high);
    out.line("              batch: %i", pcp.batch);
  }
}

void print_populated_zone(const PageAllocatorCore& pages, const Node& node, const Zone& zone,
                          const ZoneCounts& counts, const Printer& out) {
  const mm::NumaEvents events = pages.zone_events(node.id, zone.type);
  out.line("      nr_free_pages %lu", counts.free);
  out.line("      numa_hit     %lu", events.hit);
  out.line("      numa_miss    %lu", events.miss);
  out.line("      numa_foreign %lu", events.foreign);
  out.line("      numa_interleave 0");
  out.line("      numa_local   %lu", events.hit + events.miss - events.other);
  out.line("      numa_other   %lu", events.other);
  print_pagesets(pages, zone, out);
  out.line("  node_unreclaimable:  0");
  out.line("  start_pfn:           %lu", zone.spanned.start.v);
}

using TypeCounts = std::array<std::array<uint64_t, kOrders>, kMigratetypes>;

TypeCounts count_free_blocks(const PageAllocatorCore& pages, const Node& node, const Zone& zone) {
  TypeCounts counts{};
  pages.for_each_free_block([&](const FreeBlock& block) {
    if (block.node == node.id && block.zone == zone.type) {
      ++counts[static_cast<size_t>(block.migratetype)][block.order];
    }
    return true;
  });
  return counts;
}

void print_free_by_type(const PageAllocatorCore& pages, const Node& node, const Printer& out) {
  out.part("%-43s ", "Free pages count per migrate type at order");
  for (unsigned order = 0; order < kOrders; ++order) out.part("%6u ", order);
  out.text("\n");
  for (const Zone& zone : node.zones) {
    if (!zone.populated) continue;
    const TypeCounts counts = count_free_blocks(pages, node, zone);
    for (size_t type = 0; type < kMigratetypes; ++type) {
      out.part("Node %4d, zone %8s, type %12s ", node.id, mm::zone_name(zone.type),
               mm::migratetype_name(static_cast<Migratetype>(type)));
      for (const uint64_t count : counts[type]) out.part("%6lu ", count);
      out.text("\n");
    }
  }
}

void print_blocks_by_type(const Node& node, const Printer& out) {
  out.part("\n%-23s", "Number of blocks type ");
  for (size_t type = 0; type < kMigratetypes; ++type) {
    out.part("%12s ", mm::migratetype_name(static_cast<Migratetype>(type)));
  }
  out.text("\n");
  for (const Zone& zone : node.zones) {
    if (!zone.populated) continue;
    std::array<uint64_t, kMigratetypes> blocks{};
    for (mm::Pfn at = mm::align_down(zone.spanned.start, mm::kPageblockFrames);
         at < zone.spanned.end; at += mm::kPageblockFrames) {
      ++blocks[static_cast<size_t>(node.blocks.at(at).type())];
    }
    print_zone_name(node, mm::zone_name(zone.type), out);
    out.text(" ");
    for (const uint64_t count : blocks) out.part("%12lu ", count);
    out.text("\n");
  }
}

const char* iomem_name(mm::E820Type type) {
  switch (type) {
    case mm::E820Type::Ram:
      return "System RAM";
    case mm::E820Type::Acpi:
      return "ACPI Tables";
    case mm::E820Type::Nvs:
      return "ACPI Non-volatile Storage";
    case mm::E820Type::Unusable:
      return "Unusable memory";
    case mm::E820Type::Pmem:
      return "Persistent Memory";
    case mm::E820Type::Pram:
      return "Persistent Memory (legacy)";
    case mm::E820Type::SoftReserved:
      return "Soft Reserved";
    case mm::E820Type::Reserved:
      return "Reserved";
    default:
      return "Unknown E820 type";
  }
}

}  // namespace

void print_memory_line(const PageAllocatorCore& pages, const ImageSizes& image,
                       const Printer& out) {
  const ZoneCounts counts = pages.counts();
  out.line(
      "Memory: %luK/%luK available (%luK kernel code, %luK rwdata, %luK rodata, %luK init, %luK "
      "bss, %luK reserved, %luK cma-reserved)",
      kib(counts.free + counts.on_cpu_lists), kib(counts.present), image.code >> 10,
      image.rwdata >> 10, image.rodata >> 10, uint64_t{0}, image.bss >> 10,
      kib(counts.present - counts.managed), uint64_t{0});
}

void print_buddyinfo(const PageAllocatorCore& pages, const Printer& out) {
  for_each_zone(pages, [&](const Node& node, const Zone& zone) {
    if (!zone.populated) return;
    print_zone_name(node, mm::zone_name(zone.type), out);
    out.text(" ");
    for (const mm::FreeArea& area : zone.free_area) out.part("%6lu ", area.nr_free);
    out.text("\n");
  });
}

void print_zoneinfo(const PageAllocatorCore& pages, const Printer& out) {
  for_each_zone(pages, [&](const Node& node, const Zone& zone) {
    const ZoneCounts counts = pages.zone_counts(node.id, zone.type);
    print_zone_name(node, mm::zone_name(zone.type), out);
    out.text("\n");
    if (is_first_populated(node, zone)) out.line("  per-node stats");
    print_zone_counts(zone, counts, out);
    if (zone.populated) print_populated_zone(pages, node, zone, counts, out);
    if (zone.type != ZoneType::Movable) return;
    // x86-64 has ZONE_DEVICE too; nothing of this kernel's is ever in it.
    print_zone_name(node, "Device", out);
    out.text("\n");
    print_zone_counts(Zone{}, ZoneCounts{}, out);
  });
}

void print_meminfo(const PageAllocatorCore& pages, const Printer& out) {
  const ZoneCounts counts = pages.counts();
  const uint64_t free = counts.free + counts.on_cpu_lists;
  const uint64_t kept = pages.totalreserve_pages();
  const auto line = [&](const char* name, uint64_t value) {
    out.line("%-16s%8lu kB", name, kib(value));
  };
  line("MemTotal:", counts.managed);
  line("MemFree:", free);
  line("MemAvailable:", free > kept ? free - kept : 0);
}

void print_pagetypeinfo(const PageAllocatorCore& pages, const Printer& out) {
  for (size_t id = 0; id < pages.node_count(); ++id) {
    const Node& node = pages.node(static_cast<mm::NodeId>(id));
    if (node.present == 0) continue;
    out.line("Page block order: %u", mm::kPageblockOrder);
    out.line("Pages per block:  %lu", mm::kPageblockFrames);
    out.text("\n");
    print_free_by_type(pages, node, out);
    print_blocks_by_type(node, out);
  }
}

void print_iomem(const mm::E820Table& e820, mm::Range kernel_image, const Printer& out) {
  for (const mm::E820Entry& entry : e820.entries()) {
    out.line("%08lx-%08lx : %s", entry.range.start.v, entry.range.end.v - 1,
             iomem_name(entry.type));
    if (!entry.range.contains(kernel_image)) continue;
    out.line("  %08lx-%08lx : Kernel image", kernel_image.start.v, kernel_image.end.v - 1);
  }
}

}  // namespace kernel

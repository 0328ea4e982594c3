#include "mm/relay.h"

#include <new>

namespace mm {
namespace {

constexpr Range kAnywhere{Phys{0}, Phys{kMaxPhys}};

// Entries that trims and options may add to what the firmware said.
constexpr size_t kMoreE820Appends = 64;

// Regions that boot_alloc() and the DMA32 reserve may add before an array has to grow.
constexpr size_t kMoreRegions = 64;

// dma32_reserve_bootmem: Linux keeps 128 MiB at or above 512 MiB, so that the software IO TLB finds
// room later on a machine with much memory above 4 GiB.
constexpr uint64_t kDma32Bytes = 128 * kMiB;
constexpr Phys kDma32Goal{512 * kMiB};

// The lowest place from `goal` up, or from 0: bootmem's rule.
Result<Phys> memblock_alloc_bottom_up(Memblock& memblock, Memblock::Want want, Phys goal) {
  want.bottom_up = true;
  Memblock::Want from_goal = want;
  from_goal.from = goal;
  const auto place = memblock.alloc(from_goal);
  return place.ok() ? place : memblock.alloc(want);
}

}  // namespace

template <class T>
Result<std::span<T>> RelayCore::keep(size_t count, const char* name) {
  const uint64_t bytes = align_up(count * sizeof(T), kPageSize);
  const Phys place =
      BATON_TRY(find_e820_area_top(e820_, reservations_, kAnywhere, bytes, kPageSize));
  BATON_TRY(reservations_.reserve({place, place + bytes}, name));
  T* const first = map_.at<T>(place);
  for (size_t i = 0; i < count; ++i) new (first + i) T();
  return std::span<T>(first, count);
}

Result<> RelayCore::take_over(std::span<const E820Entry> e820,
                              std::span<const Reservation> reservations) {
  // Both lists are read where the loader left them until there is a place for ours. Nothing is
  // written there: a table that is full refuses every change.
  E820Table given({const_cast<E820Entry*>(e820.data()), e820.size()});  // NOLINT: see above
  BATON_TRY(given.adopt(e820));

  const size_t slots = 2 * reservations.size() + 64;
  const uint64_t bytes = align_up(slots * sizeof(Reservation), kPageSize);
  Phys place;
  for_each_free_range(given, reservations, {Phys{kMiB}, Phys{kMaxPhys}}, [&](Range free) {
    const Phys at = align_up(free.start, kPageSize);
    if (at < free.end && free.end - at >= bytes) place = at;
    return place == Phys{0};
  });
  if (place == Phys{0})
    return Error{"no room for the list of reservations (bytes)", "early_res", bytes, 0};
  reservations_ = EarlyRes({map_.at<Reservation>(place), bytes / sizeof(Reservation)});
  BATON_TRY(reservations_.adopt(reservations));
  BATON_TRY(reservations_.reserve({place, place + bytes}, "EARLY_RES"));

  e820_ = given;
  const auto storage =
      BATON_TRY(keep<E820Entry>(E820Table::capacity_for(e820.size() + kMoreE820Appends), "LAYOUT"));
  e820_ = E820Table(storage);
  BATON_TRY(e820_.adopt(e820));
  return reservations_.grow_in(e820_, map_);
}

Result<> RelayCore::trim(unsigned paging_levels) {
  trims_ = BATON_TRY(trim_bios_range(e820_, max_arch_pfn(paging_levels), out_));
  print_last_pfn(e820_, max_arch_pfn(paging_levels), out_);
  return {};
}

Result<std::span<Range>> RelayCore::room_for_mirrored(size_t ranges) {
  return keep<Range>(ranges, "LAYOUT");
}

Result<> RelayCore::find_nodes(const NumaInput& numa) {
  size_t usable = 0;
  for (const E820Entry& entry : e820_.entries()) usable += entry.type == E820Type::Ram ? 1 : 0;
  const size_t blocks = numa.memory.empty() ? 1 : numa.memory.size();
  NumaStorage storage;
  storage.blocks = BATON_TRY(keep<MemoryAffinity>(blocks, "LAYOUT"));
  storage.active =
      BATON_TRY(keep<ActiveRange>(usable + 3 * blocks + 2 * numa.mirrored.size(), "LAYOUT"));
  numa_ = BATON_TRY(numa_init(numa, e820_, reservations_.entries(), storage, out_));
  return {};
}

Result<> RelayCore::lay_out(const ZoneLimits& limits, const MovableOptions& movable,
                            unsigned cpus) {
  cpus_ = cpus;
  nodes_ = BATON_TRY(keep<NodeLayout>(numa_.node_count(), "LAYOUT"));
  zone_ranges_ = BATON_TRY(free_area_init_nodes(numa_, limits, movable, nodes_));
  layout_ = {numa_.active, nodes_};
  const Pfn dma_end = limits.exists[static_cast<size_t>(ZoneType::Dma)]
                          ? limits.end[static_cast<size_t>(ZoneType::Dma)]
                          : Pfn{0};
  for (NodeLayout& node : nodes_) {
    NodeSizes sizes;
    sizes.node_data = node_data_size(layout_, node.id);
    sizes.page_bytes = sizeof(Page);
    sizes.per_cpu = node.id == 0 ? per_cpu_size(layout_, cpus) : 0;
    BATON_TRY(place_node(node, sizes, numa_.active, e820_, reservations_, dma_end, out_));
  }
  return {};
}

Result<> RelayCore::start_boot_allocator(Road road) {
  road_ = road;
  return road == Road::Bootmem ? start_bootmem() : start_memblock();
}

Result<> RelayCore::start_bootmem() {
  const auto nodes = BATON_TRY(keep<NodeBootmem>(numa_.with_memory.count(), "BOOTMAP"));
  const size_t count =
      BATON_TRY(init_bootmem(nodes_, nodes, numa_.active, e820_, reservations_, map_, out_));
  bootmem_ = Bootmem(nodes.first(count));
  bootmem_.free_active(numa_.active);
  const Range all{Phys{0}, phys(e820_.last_pfn())};
  bootmem_.take_reservations(reservations_.entries(), reservations_.entries().size(), all, out_);
  const auto kept = bootmem_.dma32_reserve(kDma32Bytes, kPageSize, kDma32Goal);
  if (!kept.ok()) out_.error("bootmem", kept.error());
  return {};
}

Result<> RelayCore::start_memblock() {
  const auto memory =
      BATON_TRY(keep<MemblockRegion>(numa_.active.size() + kMoreRegions, "BOOTMAP"));
  const auto reserved =
      BATON_TRY(keep<MemblockRegion>(reservations_.entries().size() + kMoreRegions, "BOOTMAP"));
  memblock_ = Memblock(memory, reserved);
  memblock_.allow_resize(map_);
  BATON_TRY(memblock_from(memblock_, numa_.active, reservations_.entries()));
  if (e820_.last_pfn() <= pfn_down(Phys{4 * kGiB})) return {};
  const Memblock::Want want{.size = kDma32Bytes, .align = kPageSize, .to = Phys{4 * kGiB}};
  const auto kept = memblock_alloc_bottom_up(memblock_, want, kDma32Goal);
  if (!kept.ok()) {
    out_.error("memblock", kept.error());
    return {};
  }
  dma32_ = {kept.value(), kept.value() + kDma32Bytes};
  return {};
}

Result<> RelayCore::memblock_dma32_free() {
  if (dma32_.empty()) return {};
  const Range kept = dma32_;
  dma32_ = {};
  return memblock_.free(kept);
}

Result<Phys> RelayCore::boot_alloc(uint64_t bytes, const char* name) {
  bytes = align_up(bytes, kPageSize);
  const Phys goal{16 * kMiB};
  const Phys place =
      BATON_TRY(road_ == Road::Bootmem ? bootmem_.alloc({.size = bytes, .goal = goal})
                                       : memblock_alloc_bottom_up(
                                             memblock_, {.size = bytes, .align = kPageSize}, goal));
  BATON_TRY(reservations_.reserve({place, place + bytes}, name));
  return place;
}

void RelayCore::print_layout() const { print_zones(numa_, zone_ranges_, nodes_, out_); }

}  // namespace mm

#include "mm/relay.h"

#include <algorithm>
#include <new>

namespace mm {
namespace {

// Entries that trims and options may add to what the firmware said.
constexpr size_t kMoreE820Appends = 64;

// Regions that boot_alloc() and the DMA32 reserve may add before an array has to grow.
constexpr size_t kMoreRegions = 64;

// dma32_reserve_bootmem: Linux keeps 128 MiB, aligned to 64 MiB, at or above 512 MiB, so that what
// can only be reached with 32 bits finds room later on a machine with much memory above 4 GiB.
constexpr uint64_t kDma32Align = 64 * kMiB;
constexpr uint64_t kDma32Bytes = 2 * kDma32Align;
constexpr Phys kDma32Goal{512 * kMiB};
constexpr Phys kDma32End{4 * kGiB};

// The lowest place from `goal` up, or from 0: bootmem's rule.
Result<Phys> memblock_alloc_bottom_up(Memblock& memblock, Memblock::Want want, Phys goal) {
  want.bottom_up = true;
  Memblock::Want from_goal = want;
  from_goal.from = goal;
  const auto place = memblock.alloc(from_goal);
  return place.ok() ? place : memblock.alloc(want);
}

const char* name_of(Station station) {
  switch (station) {
    case Station::TakeOver:
      return "take_over";
    case Station::Trim:
      return "trim";
    case Station::FindNodes:
      return "find_nodes";
    case Station::LayOut:
      return "lay_out";
    case Station::StartBootAllocator:
      return "start_boot_allocator";
    case Station::BuildZones:
      return "build_zones";
    case Station::HandOver:
      return "hand_over";
    case Station::Finished:
      break;
  }
  return "";
}

Error missing(Station station, const char* who) {
  return {
      .what = "is the next station and was not called", .subject = name_of(station), .other = who};
}

}  // namespace

Result<> RelayCore::begin(Station station) const {
  if (station == next_) return {};
  if (station == Station::Trim && platform_.trim == nullptr) {
    return Error{"is no station of this platform", name_of(station)};
  }
  if (passed(station)) return Error{"was called already", name_of(station)};
  return missing(next_, name_of(station));
}

void RelayCore::done(Station station) {
  next_ = static_cast<Station>(static_cast<unsigned>(station) + 1);
  if (next_ == Station::Trim && platform_.trim == nullptr) next_ = Station::FindNodes;
}

Result<> RelayCore::need(Station station, const char* who) const {
  if (!passed(station)) return missing(next_, who);
  return {};
}

Result<> RelayCore::run_to_boot_allocator(const RelayInput& input) {
  // Without take_over() there is nothing that could be done.
  BATON_TRY(need(Station::TakeOver, "finish"));
  if (!passed(Station::Trim)) BATON_TRY(trim(input.uncached));
  if (!passed(Station::FindNodes)) BATON_TRY(find_nodes(input.numa));
  if (!passed(Station::LayOut)) BATON_TRY(lay_out(input.movable, input.cpus, {}, input.window));
  if (!passed(Station::StartBootAllocator)) BATON_TRY(start_boot_allocator(input.road));
  return {};
}

Result<Range> RelayCore::keep_bytes(uint64_t bytes, const char* name) {
  bytes = align_up(bytes, kPageSize);
  const Phys place =
      BATON_TRY(find_e820_area_top(e820_, reservations_, {Phys{0}, end_of_low_}, bytes, kPageSize));
  BATON_TRY(reservations_.reserve({place, place + bytes}, name));
  return Range{place, place + bytes};
}

template <class T>
Result<std::span<T>> RelayCore::keep(size_t count, const char* name) {
  Range place = BATON_TRY(keep_bytes(uint64_t{count} * sizeof(T), name));
  return carve<T>(place, count);
}

template <class T>
std::span<T> RelayCore::carve(Range& place, size_t count) const {
  T* const first = map_.at<T>(place.start);
  for (size_t i = 0; i < count; ++i) new (first + i) T();
  place.start += uint64_t{count} * sizeof(T);
  return std::span<T>(first, count);
}

Result<> RelayCore::take_over(std::span<const E820Entry> e820,
                              std::span<const Reservation> reservations, Phys reach,
                              Phys end_of_low) {
  BATON_TRY(begin(Station::TakeOver));
  reach_ = reach;
  end_of_low_ = std::min(end_of_low, reach);
  // Both lists are read where the loader left them until there is a place for ours. Nothing is
  // written there: a table that is full refuses every change.
  E820Table given({const_cast<E820Entry*>(e820.data()), e820.size()});  // NOLINT: see above
  BATON_TRY(given.adopt(e820));

  const size_t slots = 2 * reservations.size() + 64;
  const uint64_t bytes = align_up(slots * sizeof(Reservation), kPageSize);
  Phys place;
  for_each_free_range(given, reservations, {Phys{kMiB}, end_of_low_}, [&](Range free) {
    const Phys at = align_up(free.start, kPageSize);
    if (at < free.end && free.end - at >= bytes) place = at;
    return place == Phys{0};
  });
  if (place == Phys{0})
    return Error{"no room for the list of reservations (bytes {})", "early_res", bytes, 0};
  reservations_ = EarlyRes(map_.span<Reservation>(place, bytes / sizeof(Reservation)));
  BATON_TRY(reservations_.adopt(reservations));
  BATON_TRY(reservations_.reserve_itself({place, place + bytes}));

  e820_ = given;
  const auto storage =
      BATON_TRY(keep<E820Entry>(E820Table::capacity_for(e820.size() + kMoreE820Appends), "LAYOUT"));
  e820_ = E820Table(storage);
  BATON_TRY(e820_.adopt(e820));
  BATON_TRY(reservations_.grow_in(e820_, map_, end_of_low_));
  done(Station::TakeOver);
  return {};
}

Result<> RelayCore::trim(std::span<const PfnRange> uncached) {
  BATON_TRY(begin(Station::Trim));
  trims_ =
      BATON_TRY(platform_.trim(e820_, {platform_.max_pfn, reach_, end_of_low_, uncached}, out_));
  done(Station::Trim);
  return {};
}

Result<std::span<Range>> RelayCore::room_for_mirrored(size_t ranges) {
  BATON_TRY(need(Station::TakeOver, "room_for_mirrored"));
  return keep<Range>(ranges, "LAYOUT");
}

Result<> RelayCore::find_nodes(const NumaInput& numa) {
  BATON_TRY(begin(Station::FindNodes));
  size_t usable = 0;
  for (const E820Entry& entry : e820_.entries()) usable += entry.type == E820Type::Ram ? 1 : 0;
  const size_t blocks = numa.memory.empty() ? 1 : numa.memory.size();
  NumaStorage storage;
  storage.blocks = BATON_TRY(keep<MemoryAffinity>(blocks, "LAYOUT"));
  storage.active =
      BATON_TRY(keep<ActiveRange>(usable + 3 * blocks + 2 * numa.mirrored.size(), "LAYOUT"));
  srat_ = numa.memory;
  numa_ = BATON_TRY(numa_init(numa, e820_, reservations_.entries(), storage, out_));
  done(Station::FindNodes);
  return {};
}

// One piece for all that is by nodes.
Result<> RelayCore::keep_nodes() {
  const size_t nodes = numa_.node_count();
  const size_t with_memory = numa_.with_memory.count();
  const size_t entries = fallback_entries(numa_);
  // The larger of the aligned first.
  Range place = BATON_TRY(keep_bytes(nodes * sizeof(NodeLayout) + with_memory * sizeof(uint32_t) +
                                         (nodes + entries) * sizeof(uint16_t),
                                     "LAYOUT"));
  nodes_ = carve<NodeLayout>(place, nodes);
  zonelists_.ranks = carve<uint32_t>(place, with_memory);
  zonelists_.loads = carve<uint16_t>(place, nodes);
  zonelists_.lists = carve<NodeId>(place, entries);
  return {};
}

Result<> RelayCore::lay_out(const MovableOptions& movable, unsigned cpus,
                            std::span<const NodeId> cpu_nodes, const Window& window) {
  BATON_TRY(begin(Station::LayOut));
  cpus_ = cpus;
  BATON_TRY(keep_nodes());
  zone_ranges_ =
      BATON_TRY(free_area_init_nodes(numa_, platform_.zones, e820_.last_pfn(), movable, nodes_));
  layout_ = {numa_.active, nodes_, platform_.zones.zones, cpu_nodes};
  const Pfn dma_end = std::min(platform_.zones.end[ZoneType::Dma], e820_.last_pfn());
  for (NodeLayout& node : nodes_) {
    NodeSizes sizes;
    sizes.node_data = node_data_size(layout_, node.id);
    sizes.page_bytes = sizeof(Page);
    sizes.heads = heads_bytes();
    sizes.pageblocks = pageblocks_bytes();
    sizes.below = end_of_low_;
    sizes.per_cpu = per_cpu_size(layout_, cpus, node.id);
    BATON_TRY(place_node(node, sizes, numa_.active, e820_, reservations_, dma_end, window, out_));
  }
  done(Station::LayOut);
  return {};
}

Result<> RelayCore::start_boot_allocator(Road road) {
  BATON_TRY(begin(Station::StartBootAllocator));
  road_ = road;
  BATON_TRY(road == Road::Bootmem ? start_bootmem() : start_memblock());
  dma32_reserve();
  done(Station::StartBootAllocator);
  return {};
}

Result<> RelayCore::start_bootmem() {
  const auto nodes = BATON_TRY(keep<NodeBootmem>(numa_.with_memory.count(), "BOOTMAP"));
  const size_t count = BATON_TRY(
      init_bootmem(nodes_, nodes, numa_.active, e820_, reservations_, map_, out_, max_low()));
  bootmem_ = Bootmem(nodes.first(count));
  bootmem_.free_active(numa_.active);
  const Range all{Phys{0}, phys(std::min(e820_.last_pfn(), max_low()))};
  bootmem_.take_reservations(reservations_, all, out_);
  return {};
}

Result<> RelayCore::start_memblock() {
  const auto memory =
      BATON_TRY(keep<MemblockRegion>(numa_.active.size() + kMoreRegions, "BOOTMAP"));
  const auto reserved =
      BATON_TRY(keep<MemblockRegion>(reservations_.entries().size() + kMoreRegions, "BOOTMAP"));
  memblock_ = Memblock(memory, reserved);
  memblock_.allow_resize(map_);
  memblock_.set_current_limit(end_of_low_);
  BATON_TRY(memblock_from(memblock_, numa_.active, reservations_.entries()));
  print_subtracted(reservations_, out_);
  return {};
}

// The lowest place from `goal` up, or from 0, that ends at or below the limit; the same on both
// roads.
Result<Phys> RelayCore::boot_alloc_at(uint64_t bytes, uint64_t align, Phys goal, Phys limit) {
  if (road_ == Road::Bootmem) {
    return bootmem_.alloc({.size = bytes, .align = align, .goal = goal, .limit = limit});
  }
  return memblock_alloc_bottom_up(memblock_, {.size = bytes, .align = align, .to = limit}, goal);
}

void RelayCore::dma32_reserve() {
  if (!platform_.keeps_dma32 || e820_.last_pfn() <= pfn_down(kDma32End)) return;
  const Result<Phys> place = boot_alloc_at(kDma32Bytes, kDma32Align, kDma32Goal, kDma32End);
  if (!place.ok()) {
    out_.error("dma32", place.error());
    return;
  }
  dma32_ = {place.value(), place.value() + kDma32Bytes};
  out_.line("dma32: {:08x} kept for 32-bit DMA", mem(dma32_));
}

// Linux's pci_iommu_alloc, from mem_init: who needs it takes it now. Here it is buddy.
Result<> RelayCore::dma32_free() {
  if (dma32_.empty()) return {};
  if (road_ == Road::Bootmem) {
    bootmem_.free(dma32_);
  } else {
    BATON_TRY(memblock_.free(dma32_));
  }
  out_.line("Freeing dma32 memory: {}K", dma32_.size() / kKiB);
  dma32_ = {};
  return {};
}

Result<Phys> RelayCore::boot_alloc(uint64_t bytes, const char* name, Phys goal) {
  BATON_TRY(need(Station::StartBootAllocator, "boot_alloc"));
  if (passed(Station::HandOver)) return Error{"all is handed over already", "boot_alloc"};
  bytes = align_up(bytes, kPageSize);
  const Phys place = BATON_TRY(boot_alloc_at(bytes, kPageSize, goal, Phys{kMaxPhys}));
  BATON_TRY(reservations_.reserve({place, place + bytes}, name));
  return place;
}

void RelayCore::print_layout() const {
  const Result<> found = need(Station::LayOut, "print_layout");
  if (!found.ok()) return out_.error("relay", found.error());
  print_zones(numa_, zone_ranges_, nodes_, out_);
}

}  // namespace mm

// The relay: from e820 and SRAT to a page allocator, station by station.
//
// This is the order of things, and where the values lie that pass from one station to the next; the
// work is each station's own (the headers named below). The kernel, a host test and the replay of a
// log all run this same object, of a PC or another platform. Call the stations in the order in which
// they stand here; each prints its lines in Linux 6.1's words. What fails says which station could
// not go on and why; one that is called too early, that the one missing has to come first.
//
// Tables whose size depends on the machine lie in its own memory, reserved as "LAYOUT".
#pragma once

#include <cstdint>
#include <span>

#include "mm/bootmem.h"
#include "mm/direct_map.h"
#include "mm/e820.h"
#include "mm/early_res.h"
#include "mm/handover.h"
#include "mm/layout.h"
#include "mm/memblock.h"
#include "mm/numa.h"
#include "mm/page_alloc.h"
#include "mm/placement.h"
#include "mm/platform.h"
#include "mm/print.h"
#include "mm/result.h"
#include "mm/window.h"
#include "mm/zonelists.h"
#include "mm/zones.h"

namespace mm {

// Two ways from reservations to buddy; both leave the same free blocks.
enum class Road : uint8_t {
  Bootmem,   // a bitmap a node, Linux before 3.x
  Memblock,  // ranges only (NO_BOOTMEM)
};

// In their order.
enum class Station : uint8_t {
  TakeOver,
  Trim,  // where the platform has it
  FindNodes,
  LayOut,
  StartBootAllocator,
  BuildZones,
  HandOver,
  Finished,  // no station: all are behind
};

// What the stations are given, by who has nothing to do between them.
struct RelayInput {
  std::span<const PfnRange> uncached = {};  // trim
  NumaInput numa = {};                      // find_nodes
  MovableOptions movable = {};              // lay_out
  unsigned cpus = 1;
  Window window = {};
  Road road = Road::Memblock;  // start_boot_allocator
  Distances distances = {};    // build_zones
  NodeOrder order = NodeOrder::Distance;
};

// All of the relay that does not depend on the allocator's policy.
class RelayCore {
 public:
  RelayCore(const RelayCore&) = delete;
  RelayCore& operator=(const RelayCore&) = delete;

  // Station 1, e820 and early_res: what the loader hands over. Both spans may be forgotten after.
  // No RAM from `reach` on is touched or used: the CPU has no address for it, or the map no place.
  // RAM from `end_of_low` on is highmem, which the direct map does not reach either: it is not
  // touched, but handed over. It is a multiple of pages, and where the platform's HighMem begins.
  Result<> take_over(std::span<const E820Entry> e820, std::span<const Reservation> reservations,
                     Phys reach = Phys{kMaxPhys}, Phys end_of_low = Phys{kMaxPhys});
  // What the platform takes away (mm/platform.h); `uncached` is TrimFacts'. Only where it has this
  // station.
  Result<> trim(std::span<const PfnRange> uncached = {});
  // Room for what NumaInput::mirrored is to hold.
  Result<std::span<Range>> room_for_mirrored(size_t ranges);
  // Station 2, nodes: SRAT against e820. The affinities outlive the relay.
  Result<> find_nodes(const NumaInput& numa);
  // Station 3, zones and the places of NODE_DATA, MEMMAP and per-CPU areas.
  // CPUs are those that may ever run; `cpu_nodes` (Layout's) outlives the relay.
  // Without a window a machine is refused on which no stretch of RAM is long enough for a node's
  // mem_map (mm/placement.h).
  Result<> lay_out(const MovableOptions& movable, unsigned cpus,
                   std::span<const NodeId> cpu_nodes = {}, const Window& window = {});
  // Station 4, the boot allocator of the chosen road. On a machine with RAM above 4 GiB it also
  // keeps 128 MiB below, in which nothing is allocated before the hand-over
  // (dma32_reserve_bootmem). That there is no room for these is said and no error.
  Result<> start_boot_allocator(Road road);
  // alloc_bootmem: whole pages for what is needed before buddy and stays, reserved under `name`.
  // The lowest place above the DMA zone, or that goal, that fits, or below; the same place on both roads.
  Result<Phys> boot_alloc(uint64_t bytes, const char* name, Phys goal = Phys{16 * kMiB});
  // Prints what station 3 found, or that it is missing; Linux does so after its boot allocator
  // stands.
  void print_layout() const;

  [[nodiscard]] const Platform& platform() const { return platform_; }
  [[nodiscard]] E820Table& e820() { return e820_; }
  [[nodiscard]] const E820Table& e820() const { return e820_; }
  [[nodiscard]] EarlyRes& reservations() { return reservations_; }
  [[nodiscard]] const EarlyRes& reservations() const { return reservations_; }
  [[nodiscard]] const Trims& trims() const { return trims_; }
  [[nodiscard]] const NumaMap& numa() const { return numa_; }
  [[nodiscard]] std::span<const MemoryAffinity> srat() const { return srat_; }
  [[nodiscard]] const ZoneRanges& zone_ranges() const { return zone_ranges_; }
  [[nodiscard]] const Layout& layout() const { return layout_; }
  // On the bootmem road only, until the hand-over.
  [[nodiscard]] Bootmem& bootmem() { return bootmem_; }
  // On the memblock road only, until the hand-over.
  [[nodiscard]] Memblock& memblock() { return memblock_; }
  // What is kept for 32-bit DMA from station 4 until the hand-over; empty: nothing.
  [[nodiscard]] Range dma32_reserved() const { return dma32_; }
  [[nodiscard]] const DirectMap& map() const { return map_; }
  // From here on RAM is highmem.
  [[nodiscard]] Pfn max_low() const { return pfn_down(end_of_low_); }

 protected:
  RelayCore(const Platform& platform, const DirectMap& map, const Printer& out)
      : platform_(platform), map_(map), out_(out) {}
  ~RelayCore() = default;

  // Ok when the station is the next one. Else the error's subject is the one that is missing, or
  // the station itself when it was passed or the platform has none.
  [[nodiscard]] Result<> begin(Station station) const;
  void done(Station station);
  [[nodiscard]] bool passed(Station station) const { return next_ > station; }
  // Ok when the station is behind, which `who` needs.
  [[nodiscard]] Result<> need(Station station, const char* who) const;
  // All stations up to build_zones() that are not done yet.
  Result<> run_to_boot_allocator(const RelayInput& input);

  Result<> keep_nodes();
  Result<> start_bootmem();
  Result<> start_memblock();
  Result<Phys> boot_alloc_at(uint64_t bytes, uint64_t align, Phys goal, Phys limit);
  void dma32_reserve();
  Result<> dma32_free();

  // Room in the machine's memory, in whole pages, for as long as it runs.
  Result<Range> keep_bytes(uint64_t bytes, const char* name);
  // For `count` things.
  template <class T>
  Result<std::span<T>> keep(size_t count, const char* name);
  // The same, from the front of a place that is kept already.
  template <class T>
  std::span<T> carve(Range& place, size_t count) const;

  Platform platform_;
  DirectMap map_;
  Printer out_;
  Station next_ = Station::TakeOver;
  Phys end_of_low_{kMaxPhys};
  E820Table e820_;
  EarlyRes reservations_;
  Trims trims_;
  NumaMap numa_;
  std::span<const MemoryAffinity> srat_;
  ZoneRanges zone_ranges_;
  std::span<NodeLayout> nodes_;
  ZonelistStorage zonelists_;
  Layout layout_;
  unsigned cpus_ = 0;
  Phys reach_{kMaxPhys};  // RAM from here on is not used
  Road road_ = Road::Bootmem;
  Bootmem bootmem_;
  Memblock memblock_;
  Range dma32_;
};

template <class Policy>
class Relay : public RelayCore {
 public:
  // `map` reaches all RAM of the machine; `out` gets the log.
  Relay(const Platform& platform, const DirectMap& map, const Printer& out)
      : RelayCore(platform, map, out) {}

  // Station 5, mem_map and empty free lists.
  Result<> build_zones(const Distances& distances, NodeOrder order) {
    BATON_TRY(begin(Station::BuildZones));
    build_all_zonelists(nodes_, numa_, distances, order, NodeSet(), zonelists_, out_);
    BATON_TRY(pages_.init(layout_, map_, cpus_, out_));
    done(Station::BuildZones);
    return {};
  }

  // Station 6, everything free goes to buddy, the boot allocator's own memory at the end.
  Result<> hand_over() {
    BATON_TRY(begin(Station::HandOver));
    reservations_.stop_growing();
    Result<> result;
    const auto release = [&](NodeId, PfnRange frames) {
      if (result.ok()) result = pages_.release(frames);
    };
    BATON_TRY(dma32_free());
    if (road_ == Road::Bootmem) {
      free_all_bootmem(bootmem_, layout_, release);
      free_highpages(reservations_.entries(), layout_, max_low(), release);
      bootmem_ = Bootmem();
    } else {
      free_highpages(memblock_, layout_, max_low(), release);
      free_all_memblock(memblock_, layout_, release, max_low());
      memblock_ = Memblock();
    }
    BATON_TRY(result);
    BATON_TRY(release_named("BOOTMAP"));
    pages_.setup_watermarks();
    pages_.setup_per_cpu_pageset();
    done(Station::HandOver);
    return {};
  }

  // From the station that is next to the end.
  Result<> finish(const RelayInput& input = {}) {
    BATON_TRY(run_to_boot_allocator(input));
    if (!passed(Station::BuildZones)) {
      print_layout();
      BATON_TRY(build_zones(input.distances, input.order));
    }
    return hand_over();
  }

  // Ends all reservations of a name and hands their memory over. Returns how many frames that was.
  Result<uint64_t> give_back(const char* name) {
    BATON_TRY(need(Station::HandOver, "give_back"));
    return release_named(name);
  }

  // The other way: frames of one zone that are free are taken from the allocator for good and
  // reserved under `name` (14 characters at most), like those that it never had. Fails, changing
  // nothing, when a frame is not free.
  Result<> take_back(unsigned cpu, PfnRange frames, const char* name) {
    BATON_TRY(need(Station::HandOver, "take_back"));
    if (!reservations_.has_room()) BATON_TRY(grow_reservations(cpu));
    BATON_TRY(pages_.take_contig_range(cpu, frames));
    if (const Result<> named = reservations_.reserve(phys(frames), name); !named.ok()) {
      BATON_TRY(pages_.free_contig_range(cpu, frames));
      return named;
    }
    reservations_.settle();
    return pages_.withdraw(frames);
  }

  [[nodiscard]] PageAllocator<Policy>& pages() { return pages_; }
  [[nodiscard]] const PageAllocator<Policy>& pages() const { return pages_; }

 private:
  Result<uint64_t> release_named(const char* name) {
    Result<> result;
    const uint64_t frames =
        release_reservations(reservations_, text_of(name), layout_, [&](NodeId, PfnRange part) {
          if (result.ok()) result = pages_.release(part);
        });
    BATON_TRY(result);
    return frames;
  }

  // A place twice as large for the list of reservations, now that free memory is the allocator's.
  Result<> grow_reservations(unsigned cpu) {
    const uint64_t bytes = 2 * reservations_.entries().size() * sizeof(Reservation);
    const uint64_t count = align_up(bytes, kPageSize) / kPageSize + 1;
    const PagesOr place = pages_.alloc_contig_pages(cpu, kGfpKernel, count, 1, 0);
    if (!place) return place.error();
    const PfnRange frames{place.value(), place.value() + count};
    if (const Result<> moved = reservations_.move_to(phys(frames), map_); !moved.ok()) {
      BATON_TRY(pages_.free_contig_range(cpu, frames));
      return moved;
    }
    return pages_.withdraw(frames);
  }

  PageAllocator<Policy> pages_;
};

}  // namespace mm

// The relay: from e820 and SRAT to a page allocator, station by station.
//
// This is the order of things, and where the values lie that pass from one station to the next; the
// work is each station's own (the headers named below). The kernel, a host test and the replay of a
// log all run this same object. Call the stations in the order in which they stand here; each
// prints its lines in Linux 6.1's words. What fails says which station could not go on and why.
//
// Tables whose size depends on the machine lie in its own memory, reserved as "LAYOUT".
#pragma once

#include <cstdint>
#include <span>

#include "mm/bootmem.h"
#include "mm/direct_map.h"
#include "mm/e820.h"
#include "mm/e820_trim.h"
#include "mm/early_res.h"
#include "mm/handover.h"
#include "mm/layout.h"
#include "mm/memblock.h"
#include "mm/numa.h"
#include "mm/page_alloc.h"
#include "mm/placement.h"
#include "mm/print.h"
#include "mm/result.h"
#include "mm/zonelists.h"
#include "mm/zones.h"

namespace mm {

// Two ways from reservations to buddy; both leave the same free blocks.
enum class Road : uint8_t {
  Bootmem,   // a bitmap a node, Linux before 3.x
  Memblock,  // ranges only (NO_BOOTMEM)
};

// All of the relay that does not depend on the allocator's policy.
class RelayCore {
 public:
  RelayCore(const RelayCore&) = delete;
  RelayCore& operator=(const RelayCore&) = delete;

  // Station 1, e820 and early_res: what the loader hands over. Both spans may be forgotten after.
  // No RAM from `reach` on is touched or used: the CPU has no address for it, or the map no place.
  // RAM from `end_of_low` on is highmem, which the direct map does not reach either: it is not
  // touched, but handed over. It is a multiple of pages, and where ZoneLimits' HighMem begins.
  Result<> take_over(std::span<const E820Entry> e820, std::span<const Reservation> reservations,
                     Phys reach = Phys{kMaxPhys}, Phys end_of_low = Phys{kMaxPhys});
  // What a PC keeps for its BIOS, what page tables of these levels cannot reach, and what of
  // `uncovered` is RAM (mm/e820_trim.h, trim_uncached).
  Result<> trim(unsigned paging_levels, std::span<const PfnRange> uncovered = {});
  // Room for what NumaInput::mirrored is to hold.
  Result<std::span<Range>> room_for_mirrored(size_t ranges);
  // Station 2, nodes: SRAT against e820. The affinities outlive the relay.
  Result<> find_nodes(const NumaInput& numa);
  // Station 3, zones and the places of NODE_DATA, MEMMAP and per-CPU areas.
  Result<> lay_out(const ZoneLimits& limits, const MovableOptions& movable, unsigned cpus);
  // Station 4, the boot allocator of the chosen road. On a machine with RAM above 4 GiB it also
  // keeps 128 MiB below, in which nothing is allocated before the hand-over
  // (dma32_reserve_bootmem). That there is no room for these is said and no error.
  Result<> start_boot_allocator(Road road);
  // alloc_bootmem: whole pages for what is needed before buddy and stays, reserved under `name`.
  // The lowest place above the DMA zone that fits, or below; the same place on both roads.
  Result<Phys> boot_alloc(uint64_t bytes, const char* name);
  // Prints what station 3 found; Linux does so after its boot allocator stands.
  void print_layout() const;

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

 protected:
  RelayCore(const DirectMap& map, const Printer& out) : map_(map), out_(out) {}
  ~RelayCore() = default;

  Result<> start_bootmem();
  Result<> start_memblock();
  Result<Phys> boot_alloc_at(uint64_t bytes, uint64_t align, Phys goal, Phys limit);
  void dma32_reserve();
  Result<> dma32_free();

  // Room for `count` things in the machine's memory, for as long as it runs.
  template <class T>
  Result<std::span<T>> keep(size_t count, const char* name);

  [[nodiscard]] Pfn max_low() const { return pfn_down(end_of_low_); }

  DirectMap map_;
  Printer out_;
  Phys end_of_low_{kMaxPhys};
  E820Table e820_;
  EarlyRes reservations_;
  Trims trims_;
  NumaMap numa_;
  std::span<const MemoryAffinity> srat_;
  ZoneRanges zone_ranges_;
  std::span<NodeLayout> nodes_;
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
  Relay(const DirectMap& map, const Printer& out) : RelayCore(map, out) {}

  // Station 5, mem_map and empty free lists.
  Result<> build_zones(const Distances& distances, NodeOrder order) {
    build_all_zonelists(nodes_, numa_, distances, order, NodeSet(), out_);
    return pages_.init(layout_, map_, cpus_, out_);
  }

  // Station 6, everything free goes to buddy, the boot allocator's own memory at the end.
  Result<> hand_over() {
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
      free_all_memblock(memblock_, layout_, release, max_low());
      free_highpages(memblock_, layout_, max_low(), release);
      memblock_ = Memblock();
    }
    BATON_TRY(result);
    BATON_TRY(give_back("BOOTMAP"));
    pages_.setup_watermarks();
    pages_.setup_per_cpu_pageset();
    return {};
  }

  // Ends all reservations of a name and hands their memory over. Returns how many frames that was.
  Result<uint64_t> give_back(const char* name) {
    Result<> result;
    const uint64_t frames =
        BATON_TRY(release_reservations(reservations_, name, layout_, [&](NodeId, PfnRange part) {
          if (result.ok()) result = pages_.release(part);
        }));
    BATON_TRY(result);
    return frames;
  }

  // The other way: frames of one zone that are free are taken from the allocator for good and
  // reserved under `name` (14 characters at most), like those that it never had. Fails, changing
  // nothing, when a frame is not free.
  Result<> take_back(unsigned cpu, PfnRange frames, const char* name) {
    if (!reservations_.has_room()) BATON_TRY(grow_reservations(cpu));
    BATON_TRY(pages_.alloc_contig_range(cpu, frames));
    if (const Result<> named = reservations_.reserve(phys(frames), name); !named.ok()) {
      BATON_TRY(pages_.free_contig_range(cpu, frames));
      return named;
    }
    return pages_.withdraw(frames);
  }

  [[nodiscard]] PageAllocator<Policy>& pages() { return pages_; }
  [[nodiscard]] const PageAllocator<Policy>& pages() const { return pages_; }

 private:
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

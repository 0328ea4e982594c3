// The page allocator: alloc_pages() and free_pages() over nodes, zones, buddy and per-CPU lists.
//
// Built from a Layout (mm/layout.h). All state is in this object and in the ranges the layout names
// (NODE_DATA, mem_map, per-CPU area), so any number of machines coexist. What differs between
// worlds comes as a Policy, at compile time:
//     struct Policy {
//       struct Lock { void lock(); void unlock(); };   // default constructible, at most 64 bytes
//       struct Masked { Masked(); ~Masked(); };        // no interrupts on this CPU while it lives
//     };
// The CPU is a parameter of every call: the one the caller runs on, and stays on. Only that CPU
// touches its lists; `drain` and `start_cpu` of another CPU are for when it is at rest.
//
// Order of use: sizes -> layout placed -> init -> release (each free range) -> setup_watermarks ->
// setup_per_cpu_pageset. Allocation works from the first release on; before setup_watermarks
// nothing is kept back, before setup_per_cpu_pageset the per-CPU lists hold nothing (Linux's
// boot_pageset).
#pragma once

#include <array>
#include <cstdint>
#include <new>
#include <span>

#include "mm/direct_map.h"
#include "mm/gfp.h"
#include "mm/layout.h"
#include "mm/page.h"
#include "mm/pageblock.h"
#include "mm/pcp.h"
#include "mm/print.h"
#include "mm/result.h"
#include "mm/types.h"
#include "mm/zone.h"

namespace mm {

// --- What has to be placed before init() ---------------------------------------------------------

// Bytes, all multiples of a page; place them page-aligned. A node without memory has no mem_map.
struct AllocatorSizes {
  uint64_t node_data = 0;  // NodeLayout::node_data
  uint64_t mem_map = 0;    // NodeLayout::mem_map: 16 bytes for each frame of the rounded span
  Pfn mem_map_start;       // NodeLayout::mem_map_start: spanned.start down to a pageblock
};
// Needs spanned and present of all the layout's nodes and zones. Fails when the node spans 2^32
// frames or more.
Result<AllocatorSizes> allocator_sizes(const Layout& layout, NodeId node);
// NodeLayout::per_cpu of node 0: for CPUs 0 to cpus - 1. Needs the same.
uint64_t per_cpu_size(const Layout& layout, unsigned cpus);

// --- Answers -------------------------------------------------------------------------------------

// The first frame of an allocated block, or why there is none; fits in a register.
class PagesOr {
 public:
  enum class Failure : uint8_t {
    NoMemory,
    OrderTooHigh,
    UnknownNode,
    GfpZones,
    GfpTypes,
    NoZone,
    BadRange,
    Busy
  };
  constexpr PagesOr() : PagesOr(Failure::NoMemory) {}
  constexpr PagesOr(Pfn pfn) : v_(pfn.v) {}  // NOLINT: implicit on purpose
  constexpr PagesOr(Failure failure) : v_(kFailed | static_cast<uint64_t>(failure)) {}  // NOLINT
  [[nodiscard]] constexpr bool ok() const { return (v_ & kFailed) == 0; }
  constexpr explicit operator bool() const { return ok(); }
  [[nodiscard]] constexpr Pfn value() const { return {v_}; }
  [[nodiscard]] constexpr Failure failure() const { return static_cast<Failure>(v_ & 0xff); }
  [[nodiscard]] Error error() const;

 private:
  static constexpr uint64_t kFailed = uint64_t{1} << 63;
  uint64_t v_;
};

// Whether a free was right; if not, the error names the fault, the frame (a) and what is there (b).
// The error is kept in the CPU's area until the CPU's next one.
class [[nodiscard]] Freed {
 public:
  constexpr Freed() = default;
  constexpr explicit Freed(const Error* error) : error_(error) {}
  [[nodiscard]] constexpr bool ok() const { return error_ == nullptr; }
  constexpr explicit operator bool() const { return ok(); }
  [[nodiscard]] constexpr const Error& error() const { return *error_; }
  [[nodiscard]] constexpr Nothing value() const { return {}; }
  [[nodiscard]] Result<> result() const { return ok() ? Result<>() : Result<>(*error_); }

 private:
  const Error* error_ = nullptr;
};

// Who has a frame.
enum class FrameUse : uint8_t {
  NoNode,     // outside every node's mem_map: device space or nothing
  Hole,       // no RAM there
  Reserved,   // RAM that was never handed over, or taken out for good
  Free,       // in free_area
  OnCpuList,  // free, on a CPU's list
  Allocated,
};
struct FrameOwner {
  FrameUse use = FrameUse::NoNode;
  NodeId node = kNoNode;          // from here on only when use is not NoNode
  ZoneType zone = ZoneType::Dma;  // not for holes outside every zone's span
  bool in_zone = false;           // zone is meant
  Migratetype migratetype = Migratetype::Movable;
  PageblockState pageblock = PageblockState::Untouched;
  Pfn block;                // Free, OnCpuList, Allocated: its first frame
  unsigned order = 0;       // and order
  uint32_t references = 0;  // Allocated
  uint32_t cpu = 0;         // OnCpuList
};

struct ZoneCounts {  // in pages
  uint64_t spanned = 0, present = 0, managed = 0;
  uint64_t free = 0;  // in free_area, isolated ones included
  uint64_t on_cpu_lists = 0;
  uint64_t isolated = 0;  // of free
  // managed - free - on_cpu_lists
  [[nodiscard]] uint64_t allocated() const { return managed - free - on_cpu_lists; }
  ZoneCounts& operator+=(const ZoneCounts& o);
};

// One free block; order 18 blocks that are kept as runs are given one by one.
struct FreeBlock {
  Pfn pfn;
  unsigned order;
  NodeId node;
  ZoneType zone;
  Migratetype migratetype;  // of its first pageblock, which is the list it is on
};

// Called when allocations fall below the low watermark (`waiting` false: start to make room and
// return) and when one that may wait has failed (`waiting` true: make room now). Returns whether it
// is worth trying again. Called without locks; it may free pages.
using ShortageHook = bool (*)(void* context, Gfp gfp, unsigned order, bool waiting);

// --- All that does not depend on the policy ------------------------------------------------------

class PageAllocatorCore {
 public:
  PageAllocatorCore(const PageAllocatorCore&) = delete;
  PageAllocatorCore& operator=(const PageAllocatorCore&) = delete;

  [[nodiscard]] const Layout& layout() const { return *layout_; }
  [[nodiscard]] unsigned cpus() const { return cpus_; }
  [[nodiscard]] bool cpu_online(unsigned cpu) const;
  [[nodiscard]] size_t node_count() const { return node_count_; }
  // id < node_count(); every node has one, also those without memory.
  [[nodiscard]] const Node& node(NodeId id) const { return *nodes_[id]; }
  // The node that has RAM at (or, in a hole, around) the frame; null when there is none.
  [[nodiscard]] const Node* node_of(Pfn pfn) const;
  [[nodiscard]] bool is_ram(Pfn pfn) const;  // inside an active range
  [[nodiscard]] const Pcp& pcp(unsigned cpu, const Zone& zone) const;
  [[nodiscard]] uint64_t min_free_kbytes() const { return min_free_kbytes_; }
  [[nodiscard]] uint64_t totalreserve_pages() const { return totalreserve_pages_; }

  // Counts need no lock; they are exact when no CPU is in the allocator.
  [[nodiscard]] ZoneCounts zone_counts(NodeId node, ZoneType zone) const;
  [[nodiscard]] ZoneCounts node_counts(NodeId node) const;
  [[nodiscard]] ZoneCounts counts() const;
  [[nodiscard]] NumaEvents zone_events(NodeId node, ZoneType zone) const;
  [[nodiscard]] NumaEvents node_events(NodeId node) const;

  // From here on the machine must be at rest: nothing allocates or frees meanwhile.
  // Calls visit(const FreeBlock&) for each block in free_area, until it returns false.
  template <class Visit>
  void for_each_free_block(Visit visit) const;
  // Calls visit(FreeBlock, cpu) for each block on a CPU's list (migratetype: its pageblock's).
  template <class Visit>
  void for_each_cpu_block(Visit visit) const;
  [[nodiscard]] FrameOwner owner_of(Pfn pfn) const;

 protected:
  PageAllocatorCore() = default;
  ~PageAllocatorCore() = default;

  Result<> init_core(const Layout& layout, const DirectMap& map, unsigned cpus);
  Result<> check_layout() const;
  void init_node(const NodeLayout& from, unsigned populated_before);
  void build_zonelists();
  void index_nodes();
  void start_pcps(unsigned cpu);
  void compute_watermarks(uint64_t min_free_kbytes);
  void compute_pcp_limits();
  [[nodiscard]] Error diagnose_free(Pfn pfn, unsigned order) const;
  [[nodiscard]] Result<> check_release(PfnRange range) const;
  void update_fast_marks(Zone& zone) const;

  struct alignas(64) CpuHeader {
    uint64_t online;
    Error fault;  // of the last wrong free
  };
  [[nodiscard]] CpuHeader& cpu_header(unsigned cpu) const {
    return *reinterpret_cast<CpuHeader*>(cpu_areas_ + uint64_t{cpu} * cpu_stride_);  // NOLINT
  }
  [[nodiscard]] Pcp& pcp_of(unsigned cpu, const Zone& zone) const {
    return *reinterpret_cast<Pcp*>(cpu_areas_ + uint64_t{cpu} * cpu_stride_ +  // NOLINT
                                   zone.pcp_offset);
  }

  // The frames below last_pfn in 4096 equal parts: the one node that has frames in the part,
  // kNobody or kSeveral.
  static constexpr size_t kNodeIndexSize = 4096;
  static constexpr uint8_t kNobody = 0xff;
  static constexpr uint8_t kSeveral = 0xfe;

  const Layout* layout_ = nullptr;
  DirectMap map_;
  unsigned cpus_ = 0;
  uint16_t node_count_ = 0;
  unsigned node_index_shift_ = 0;
  uint8_t* node_index_ = nullptr;
  uint8_t* cpu_areas_ = nullptr;
  uint64_t cpu_stride_ = 0;
  uint64_t min_free_kbytes_ = 0;
  uint64_t totalreserve_pages_ = 0;
  bool watermarks_ready_ = false;
  bool pagesets_ready_ = false;
  std::array<Node*, kMaxNodes> nodes_{};
};

// --- The allocator -------------------------------------------------------------------------------

template <class Policy>
class PageAllocator : public PageAllocatorCore {
 public:
  PageAllocator() = default;

  // The placed ranges may hold anything; what is needed is written. The layout must outlive this
  // object. CPU 0 is started. Prints Linux's "Built N zonelists" line.
  Result<> init(const Layout& layout, const DirectMap& map, unsigned cpus, const Printer& out);
  Result<> start_cpu(unsigned cpu);

  // Hands RAM over: frames that are free and were never handed over. At boot the maximal free
  // ranges in ascending order (ranges that touch are to be joined first); later whatever
  // reservation ends. Bypasses the per-CPU lists; `managed` grows. A range may cross zones and
  // nodes, but every frame must be RAM that nobody has: otherwise nothing is released and the error
  // names the frame.
  Result<> release(PfnRange frames);

  // Watermarks and lowmem reserves by Linux 6.1's formulas from what is managed now; again when
  // that has changed. min_free_kbytes 0: computed (4 * sqrt(lowmem KiB), 128 to 262144).
  void setup_watermarks(uint64_t min_free_kbytes = 0);
  // Replaces the boot page sets by real ones (high and batch).
  void setup_per_cpu_pageset();

  // 2^order frames aligned to their number, from the first zone that may give them. The preferred
  // node is usually the CPU's own. One reference is held.
  PagesOr alloc_pages(unsigned cpu, Gfp gfp, unsigned order, NodeId preferred);
  // Drops the caller's reference; with the last one the block becomes free. `order` must be the one
  // it was allocated with. Caught, always: a free that is double, of a wrong order, unaligned, out
  // of range, of a reserved or never allocated frame, or inside a block.
  Freed free_pages(unsigned cpu, Pfn pfn, unsigned order);
  Freed get_page(unsigned cpu, Pfn pfn);
  Freed put_page(unsigned cpu, Pfn pfn);  // free_pages without having to know the order

  // Fills `pages` with single frames as far as possible; how many it got.
  size_t alloc_pages_bulk(unsigned cpu, Gfp gfp, NodeId preferred, std::span<Pfn> pages);
  // Stops at the first that is wrong.
  Freed free_pages_bulk(unsigned cpu, std::span<const Pfn> pages);

  // `count` frames in a row, no more: what the next power of two has on top goes back at once.
  PagesOr alloc_pages_exact(unsigned cpu, Gfp gfp, uint64_t count, NodeId preferred);
  Freed free_pages_exact(unsigned cpu, Pfn pfn, uint64_t count);

  // Exactly these frames, all in one zone and free (per-CPU lists of this CPU are drained first);
  // held as the largest aligned blocks, each with a reference.
  Result<> alloc_contig_range(unsigned cpu, PfnRange frames);
  Freed free_contig_range(unsigned cpu, PfnRange frames);
  // `count` frames in a row, aligned to `align` (a power of two), of any size, where they can be
  // had.
  PagesOr alloc_contig_pages(unsigned cpu, Gfp gfp, uint64_t count, uint64_t align,
                             NodeId preferred);

  // Makes whole pageblocks (the range is rounded outward) Isolate: what is free in them, now or
  // later, is given to nobody until unisolate(). A free block that reaches beyond the range is
  // split so that a block is either all inside or all outside.
  Result<> isolate(PfnRange frames);
  Result<> unisolate(PfnRange frames, Migratetype type = Migratetype::Movable);

  void drain(unsigned cpu);  // everything on the CPU's lists back to buddy
  void drain_all();          // of all CPUs, when the others are at rest

  void set_shortage_hook(ShortageHook hook, void* context) {
    shortage_hook_ = hook;
    shortage_context_ = context;
  }
  // Where failure reports go (Linux's "page allocation failure"); says nothing by default.
  void set_report(const Printer& out) { report_ = out; }

 private:
  Printer report_;
  ShortageHook shortage_hook_ = nullptr;
  void* shortage_context_ = nullptr;
};

}  // namespace mm

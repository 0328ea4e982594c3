// The page allocator: alloc_pages() and free_pages() over nodes, zones, buddy and per-CPU lists.
//
// Built from a Layout (mm/layout.h). All state is in this object and in the ranges the layout names
// (NODE_DATA, mem_map, per-CPU area), so any number of machines coexist. What differs between
// worlds comes as a Policy, at compile time (mm/policy.h).
// The CPU is a parameter of every call: the one the caller runs on, and stays on. Only that CPU
// touches its lists; `drain` and `start_cpu` of another CPU are for when it is at rest. Blocks may
// be freed on any CPU; two that free one at the same instant are caught, too.
//
// A CPU holds one zone's lock at a time, within its policy's Masked, and calls nobody meanwhile: in
// an order of locks it comes after all that are held by who allocates or frees.
//
// Order of use: layout placed -> init -> release (each free range) -> setup_watermarks ->
// setup_per_cpu_pageset. Allocation works from the first release on; before setup_watermarks
// nothing is kept back, before setup_per_cpu_pageset the per-CPU lists hold nothing (Linux's
// boot_pageset).
#pragma once

#include <array>
#include <cstdint>
#include <new>
#include <optional>
#include <span>

#include "mm/buddy.h"
#include "mm/contig.h"
#include "mm/direct_map.h"
#include "mm/gfp.h"
#include "mm/layout.h"
#include "mm/node_set.h"
#include "mm/page.h"
#include "mm/page_contents.h"
#include "mm/pageblock.h"
#include "mm/pcp.h"
#include "mm/policy.h"
#include "mm/print.h"
#include "mm/published.h"
#include "mm/result.h"
#include "mm/types.h"
#include "mm/zone.h"

namespace mm {

// --- What has to be placed before init() ---------------------------------------------------------

// Bytes of NodeLayout::node_data and of NodeLayout::per_cpu (for those of CPUs 0 to cpus - 1 that
// Layout::cpu_nodes puts there); whole pages, to be placed page-aligned. Both need spanned and
// present of all the layout's nodes and zones. NodeLayout::mem_map has sizeof(Page) bytes for each
// frame of the node's span rounded outward to sections; the parts of it that describe sections
// without RAM are never touched. The same holds of NodeLayout::heads and ZoneLayout::pageblocks, of
// which each GiB of the node's span, or the zone's, has so many bytes, whole pages.
uint64_t node_data_size(const Layout& layout, NodeId node);
uint64_t heads_bytes();
uint64_t pageblocks_bytes();
uint64_t per_cpu_size(const Layout& layout, unsigned cpus, NodeId node);

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
    Busy,
    NodesFull,
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
  Free,       // in the zone's lists
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
  uint64_t free = 0;          // in the zone's lists, isolated ones included
  uint64_t on_cpu_lists = 0;  // and those whose CPU could not wait for the zone's lock
  uint64_t isolated = 0;      // of free
  // managed - free - on_cpu_lists; 0 where what moved while it was counted makes that less.
  [[nodiscard]] uint64_t allocated() const {
    const uint64_t there = free + on_cpu_lists;
    return managed < there ? 0 : managed - there;
  }
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

// What an allocation may take although little is left; Linux's ALLOC_ flags.
struct AllocRights {
  bool min_reserve = false;    // half of what is below min (__GFP_HIGH)
  bool non_block = false;      // and a quarter more (the caller cannot wait)
  bool high_atomic = false;    // pageblocks kept for larger atomic allocations
  bool no_watermarks = false;  // everything (__GFP_MEMALLOC)
  [[nodiscard]] bool reserves() const { return min_reserve || non_block || high_atomic; }
};
[[nodiscard]] AllocRights alloc_rights(Gfp gfp, unsigned order);
// Whether the zone, with `free` pages free, may give a block of the order to an allocation that
// could use zones up to `highest`, and has one; Linux's __zone_watermark_ok.
[[nodiscard]] bool watermark_ok(const Zone& zone, unsigned order, uint64_t mark, ZoneType highest,
                                const AllocRights& rights, uint64_t free);

// --- All that does not depend on the policy ------------------------------------------------------

class PageAllocatorCore {
 public:
  PageAllocatorCore(const PageAllocatorCore&) = delete;
  PageAllocatorCore& operator=(const PageAllocatorCore&) = delete;

  [[nodiscard]] const Layout& layout() const { return *layout_; }
  [[nodiscard]] unsigned cpus() const { return cpus_; }
  [[nodiscard]] bool cpu_online(unsigned cpu) const;
  [[nodiscard]] NodeId cpu_node(unsigned cpu) const;  // of a CPU that is online
  [[nodiscard]] size_t node_count() const { return node_count_; }
  // id < node_count(); every node has one, also those without memory.
  [[nodiscard]] const Node& node(NodeId id) const { return *nodes_[id]; }
  // The node that has RAM at (or, in a hole, around) the frame; null when there is none.
  [[nodiscard]] const Node* node_of(Pfn pfn) const;
  [[nodiscard]] bool is_ram(Pfn pfn) const;  // inside an active range
  [[nodiscard]] const Pcp& pcp(unsigned cpu, const Zone& zone) const;
  [[nodiscard]] uint64_t min_free_kbytes() const { return min_free_kbytes_; }
  [[nodiscard]] uint64_t totalreserve_pages() const { return totalreserve_pages_; }

  // What is done with frames that are freed and handed out; nothing at first. Between init() and the first
  // release(), else an error: every free frame is to hold the same. Of frames handed over at boot, too;
  // of what is withdrawn only that it has an address. Costs nothing where it is nothing. `out` hears of each
  // poisoned frame that held something else when it was handed out; the caller gets it all the same. What is
  // handed out where nothing may be waited for is told of with the next that is handed out elsewhere.
  // `presence`: by whom free frames are absent.
  Result<> set_contents(const PageContents& contents, const Printer& out, Presence presence = {});
  [[nodiscard]] const PageContents& contents() const { return contents_; }
  // How many those were.
  [[nodiscard]] uint64_t corrupted_frames() const { return read_once(corrupted_frames_); }

  // Counts need no lock and may be asked for while others allocate. Each number in them was true at
  // some instant, none is torn; a block that moves from one to another meanwhile may be in both or
  // in neither. They are exact when no CPU is in the allocator.
  [[nodiscard]] ZoneCounts zone_counts(NodeId node, ZoneType type) const;
  [[nodiscard]] ZoneCounts node_counts(NodeId node) const;
  [[nodiscard]] ZoneCounts counts() const;
  [[nodiscard]] NumaEvents zone_events(NodeId node, ZoneType type) const;
  [[nodiscard]] NumaEvents node_events(NodeId node) const;

  // From here on the machine must be at rest: nothing allocates or frees meanwhile.
  // Calls visit(const FreeBlock&) for each free block of the zones' lists, until it returns false.
  template <class Visit>
  void for_each_free_block(Visit visit) const;
  // Calls visit(FreeBlock, cpu) for each block on a CPU's list (migratetype: its pageblock's).
  template <class Visit>
  void for_each_cpu_block(Visit visit) const;
  [[nodiscard]] FrameOwner owner_of(Pfn pfn) const;

  // Eight bytes that are the owner's as long as the block is allocated, of any content at first; null
  // where no allocated block begins.
  [[nodiscard]] uint64_t* owners_word(Pfn pfn) const;

 protected:
  PageAllocatorCore() = default;
  ~PageAllocatorCore() = default;

  Result<> init_core(const Layout& layout, const DirectMap& map, unsigned cpus);
  Result<> start_cpu_core(unsigned cpu, NodeId node);
  void print_zonelists(const Printer& out) const;
  // Whether nobody has any of the frames and all are RAM; the error names the first that is not so.
  [[nodiscard]] Result<> check_release(PfnRange frames) const;
  // The part of the range from its start on that is in one zone; null when its start is in none.
  [[nodiscard]] Zone* zone_part(PfnRange frames, PfnRange& part) const;
  void compute_watermarks(uint64_t min_free_kbytes);
  void compute_pcp_limits();
  // The same, and all CPUs that are online have them at once.
  void adopt_pcp_limits();
  static void adopt_limits(Pcp& pcp, const Zone& zone);
  static void update_choices(Zone& zone);
  // Puts a block that is nobody's on the zone's stack of those that wait for its lock.
  static void defer(Zone& zone, Pfn pfn, unsigned order);
  // Frees what is on it. Under the zone's lock.
  static void free_deferred(Zone& zone);
  // The first Page of the allocated block that starts at the frame; null when none does.
  [[nodiscard]] Page* allocated_page(Pfn pfn) const;
  [[nodiscard]] Zone& zone_of_allocated(Pfn pfn) const;
  [[nodiscard]] bool has_frames_of_other(const Zone& zone, PfnRange frames) const;
  // The zone of a range of whole pageblocks that no other zone shares.
  [[nodiscard]] Result<Zone*> zone_of_pageblocks(PfnRange frames, const char* caller) const;
  // `allowed`: the nodes it was bound to; null where it was not.
  void report_failure(const Printer& out, unsigned cpu, Gfp gfp, unsigned order,
                      const NodeSet* allowed) const;
  // Why no zone could ever serve this; nothing when one could.
  [[nodiscard]] std::optional<PagesOr::Failure> refusal(Gfp gfp, unsigned order,
                                                        NodeId preferred) const;
  // Drops one of several references. False: there is one, or none.
  [[nodiscard]] static bool drop_shared(Page& page);

  // For hot paths: the node that may have the frame; null when certainly none does.
  [[nodiscard]] Node* quick_node(Pfn pfn) const {
    const uint64_t part = pfn.v >> node_index_shift_;
    if (part >= kNodeIndexSize) return nullptr;
    const uint16_t id = node_index_[part];
    return id < kSeveral ? nodes_[id] : slow_node(pfn);
  }
  [[nodiscard]] Node* slow_node(Pfn pfn) const;

  struct alignas(64) CpuHeader {
    Node* node;        // that the CPU is on
    uint32_t node_id;  // its number
    uint32_t online;
    Error fault;  // of the last wrong free
  };
  // What is wrong with a free.
  [[nodiscard]] const Error* fault(CpuHeader& header, Pfn pfn, unsigned order) const;
  // Another CPU freed the block after this one, whose Pcp that is, had looked at it.
  [[nodiscard]] static const Error* raced(Pcp& pcp, Pfn pfn, unsigned order);
  [[nodiscard]] CpuHeader& cpu_header(unsigned cpu) const { return *cpu_headers_[cpu]; }
  [[nodiscard]] Pcp& pcp_of(unsigned cpu, const Zone& zone) const {
    return pcp_at(cpu_header(cpu), zone.pcp_offset);
  }
  [[nodiscard]] static Pcp& pcp_at(CpuHeader& header, uint64_t offset) {
    return *reinterpret_cast<Pcp*>(reinterpret_cast<uint8_t*>(&header) + offset);  // NOLINT
  }
  template <class Visit>
  void for_each_zone(Visit visit) const {  // populated ones, by node and then upward
    for (size_t id = 0; id < node_count_; ++id) {
      for (Zone& zone : nodes_[id]->zones) {
        if (zone.populated) visit(zone);
      }
    }
  }

  // The frames below the end of RAM in 2048 equal parts: the one node that has frames in the part,
  // kNobody or kSeveral.
  static constexpr size_t kNodeIndexSize = 2048;
  static constexpr uint16_t kNobody = 0xffff;
  static constexpr uint16_t kSeveral = 0xfffe;

  const Layout* layout_ = nullptr;
  DirectMap map_;
  unsigned cpus_ = 0;
  unsigned node_count_ = 0;
  size_t populated_ = 0;  // zones
  unsigned node_index_shift_ = 0;
  uint16_t* node_index_ = nullptr;
  CpuHeader** cpu_headers_ = nullptr;  // by CPU
  uint64_t min_free_kbytes_ = 0;
  uint64_t totalreserve_pages_ = 0;
  bool pagesets_ready_ = false;
  unsigned online_ = 0;  // CPUs
  PageSets page_sets_ = PageSets::Linux61;
  std::array<Node*, kMaxNodes> nodes_{};
  PageContents contents_;
  // What contents_ says, as it is asked for most.
  bool when_freed_ = false, when_allocated_ = false;
  Presence presence_;
  Printer corruption_report_;
  uint64_t corrupted_frames_ = 0;
  uintptr_t untold_frames_ = 0;  // of these; a word, which every CPU exchanges by itself

 private:
  Result<> check_layout(const Layout& layout, unsigned cpus) const;
  void init_node(const NodeLayout& from, uint32_t& next_pcp);
  void init_zone(Node& node, ZoneType type, const ZoneLayout& from, uint8_t* regions) const;
  static void share_edge(Node& node, Pfn edge, Pfn inside);
  void share_edges();
  void build_zonelist(Node& node, const NodeLayout& from);
  void find_choices(Node& node) const;
  void index_nodes();
  void place_cpu_areas(uint64_t size);
  void init_pcps(unsigned cpu);
  [[nodiscard]] Error diagnose(Pfn pfn, unsigned order) const;
  [[nodiscard]] FrameOwner owner_without_cpu(Pfn pfn) const;
};

// --- The allocator -------------------------------------------------------------------------------

template <class Visit>
void PageAllocatorCore::for_each_free_block(Visit visit) const {
  for (size_t id = 0; id < node_count_; ++id) {
    for (const Zone& zone : nodes_[id]->zones) {
      if (!zone.populated) continue;
      const bool more =
          mm::for_each_free_block(zone, [&](Pfn pfn, unsigned order, Migratetype type) {
            return visit(FreeBlock{pfn, order, nodes_[id]->id, zone.type, type});
          });
      if (!more) return;
    }
  }
}

template <class Visit>
void PageAllocatorCore::for_each_cpu_block(Visit visit) const {
  for (unsigned cpu = 0; cpu < cpus_; ++cpu) {
    if (!cpu_online(cpu)) continue;
    for_each_zone([&](const Zone& zone) {
      const Node& node = *zone.node;
      const Pcp& pcp = pcp_of(cpu, zone);
      for (unsigned list = 0; list < kPcpLists; ++list) {
        const bool huge = list == kPcpHugeList;
        const Page* const pages = huge ? node.blocks.heads() : node.mem_map;
        for (FrameIndex at = pcp.lists[list].head; at != kNoFrame; at = pages[at].next) {
          const Pfn pfn = huge ? node.blocks.pageblock(at) : node.pfn(at);
          visit(
              FreeBlock{pfn, pcp_list_order(list), node.id, zone.type, node.blocks.at(pfn).type()},
              cpu);
        }
      }
    });
  }
}

template <class Policy>
class PageAllocator : public PageAllocatorCore {
 public:
  PageAllocator() = default;

  // The placed ranges may hold anything; what is needed is written. The layout must outlive this
  // object. CPU 0, on `boot_node`, is started; others by start_cpu() before they allocate. Prints
  // Linux's "Built N zonelists" and "Policy zone" lines. Fails, naming the field, when the layout
  // is not one (zones of a node that overlap, a mem_map too small or of 2^32 frames, ...).
  Result<> init(const Layout& layout, const DirectMap& map, unsigned cpus, const Printer& out,
                NodeId boot_node = 0);
  Result<> start_cpu(unsigned cpu, NodeId node);

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
  void setup_per_cpu_pageset(PageSets sets = PageSets::Linux61);

  // 2^order frames aligned to their number, from the first zone that may give them. The preferred
  // node is usually the CPU's own. One reference is held.
  [[gnu::always_inline]] PagesOr alloc_pages(unsigned cpu, Gfp gfp, unsigned order,
                                             NodeId preferred);
  // Drops the caller's reference; with the last one the block becomes free. `order` must be the one
  // it was allocated with. Caught, always: a free that is double, of a wrong order, unaligned, out
  // of range, of a reserved or never allocated frame, or inside a block; also when two CPUs free
  // one block at the same instant, for which a policy of many CPUs spends a locked instruction.
  [[gnu::always_inline]] Freed free_pages(unsigned cpu, Pfn pfn, unsigned order);
  Freed get_page(unsigned cpu, Pfn pfn);
  Freed put_page(unsigned cpu, Pfn pfn);  // free_pages without having to know the order

  // The same where nothing may be waited for: in an NMI, or by the holder of whatever lock. Zones
  // whose lock is taken are passed over, and this CPU's lists are left alone, as the NMI may have
  // come when they were in use; so are its events. A block that cannot be freed at once waits for
  // the zone's next lock holder. Linux 6.15's try_alloc_pages() and free_pages_nolock().
  PagesOr try_alloc_pages(unsigned cpu, Gfp gfp, unsigned order, NodeId preferred);
  Freed try_free_pages(unsigned cpu, Pfn pfn, unsigned order);

  // From these nodes only, the nearest to the CPU first; never from others: NodesFull when none of
  // them has it. Linux's MPOL_BIND.
  PagesOr alloc_pages_bind(unsigned cpu, Gfp gfp, unsigned order, const NodeSet& nodes);
  // From the nodes in turn, those without such memory left out; where a node is full, from another
  // as always. `next` is the turn, and one CPU's at a time. Linux's MPOL_INTERLEAVE.
  PagesOr alloc_pages_interleave(unsigned cpu, Gfp gfp, unsigned order, const NodeSet& nodes,
                                 NodeId& next);

  // Fills `pages` with single frames as far as possible; how many it got.
  size_t alloc_pages_bulk(unsigned cpu, Gfp gfp, NodeId preferred, std::span<Pfn> pages);
  // Stops at the first that is wrong.
  Freed free_pages_bulk(unsigned cpu, std::span<const Pfn> pages);

  // `count` frames in a row, no more: what the next power of two has on top goes back at once.
  PagesOr alloc_pages_exact(unsigned cpu, Gfp gfp, uint64_t count, NodeId preferred);
  Freed free_pages_exact(unsigned cpu, Pfn pfn, uint64_t count);

  // Exactly these frames, all in one zone and free (per-CPU lists of this CPU are drained first);
  // held as the largest aligned blocks, each with a reference. Isolated ones may be taken.
  Result<> alloc_contig_range(unsigned cpu, PfnRange frames);
  // The same for withdraw(): what they hold is neither looked at nor changed. It may be broken.
  Result<> take_contig_range(unsigned cpu, PfnRange frames);
  Freed free_contig_range(unsigned cpu, PfnRange frames);
  // release()'s opposite: frames that the caller holds as alloc_contig_range() left them are not
  // the allocator's any more, until they are released again. Nobody has them, and `managed` is less
  // by them.
  Result<> withdraw(PfnRange frames);
  // `count` frames in a row, aligned to `align` (a power of two), of any size, where they can be
  // had.
  PagesOr alloc_contig_pages(unsigned cpu, Gfp gfp, uint64_t count, uint64_t align,
                             NodeId preferred);

  // Makes whole pageblocks of one zone Isolate: what is free in them, now or later, is given to
  // nobody until unisolate(). A free block that reaches beyond the range is split, so that a block
  // is either all inside or all outside. Blocks on per-CPU lists are not noticed: drain them
  // before. Goes from pageblock to pageblock: others may take from those to come until it is back.
  Result<> isolate(PfnRange frames);
  Result<> unisolate(PfnRange frames, Migratetype type = Migratetype::Movable);

  void drain(unsigned cpu);  // everything on the CPU's lists back to buddy
  // What it holds of other nodes than its own. For a CPU that is going to rest: frees of another
  // node's blocks go home a batch at a time, and the rest of a batch would stay.
  void drain_remote(unsigned cpu);
  void drain_all();  // of all CPUs, when the others are at rest

  void set_shortage_hook(ShortageHook hook, void* context) {
    shortage_hook_ = hook;
    shortage_context_ = context;
  }
  // Where failure reports go (Linux's "page allocation failure"); says nothing by default.
  void set_report(const Printer& out) { report_ = out; }

 private:
  using Lock = typename Policy::Lock;
  using Masked = typename Policy::Masked;
  static_assert(sizeof(Lock) <= sizeof(Zone::lock));
  static_assert(alignof(Lock) <= 8);

  // A zone's lock, held.
  class Locked {
   public:
    explicit Locked(Zone& zone) : lock_(lock_of(zone)) {
      lock_.lock();
      if (has_deferred(zone)) [[unlikely]]
        free_deferred(zone);
    }
    ~Locked() { lock_.unlock(); }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;

   private:
    Lock& lock_;
  };
  static Lock& lock_of(Zone& zone) {
    return *std::launder(reinterpret_cast<Lock*>(zone.lock.data()));  // NOLINT: made by init()
  }

  // A zone's lock, if it can be had at once.
  class TryLocked {
   public:
    explicit TryLocked(Zone& zone) : lock_(lock_of(zone)), held_(lock_.try_lock()) {
      if (held_ && has_deferred(zone)) [[unlikely]]
        free_deferred(zone);
    }
    ~TryLocked() {
      if (held_) lock_.unlock();
    }
    TryLocked(const TryLocked&) = delete;
    TryLocked& operator=(const TryLocked&) = delete;
    explicit operator bool() const { return held_; }

   private:
    Lock& lock_;
    bool held_;
  };

  // What an allocation may do, from its gfp; Linux's alloc_flags.
  struct Attempt {
    unsigned cpu;
    Gfp gfp;
    unsigned order;
    NodeId preferred;
    const NodeSet* allowed;  // null: every node is
    Watermark mark;
    AllocRights rights;
    // Whether a zone of the zonelist may be asked at all.
    [[nodiscard]] bool may_use(const Zone& zone) const {
      return zone.type <= gfp_zone(gfp) && (allowed == nullptr || allowed->has(zone.node_id)) &&
             (!gfp.has(kGfpFlagThisNode) || zone.node_id == preferred);
    }
  };

  PagesOr alloc_after_refill(unsigned cpu, Gfp gfp, unsigned order, NodeId preferred);
  PagesOr alloc_huge(unsigned cpu, Gfp gfp, NodeId preferred);
  PagesOr alloc_huge_after_refill(unsigned cpu, Gfp gfp, NodeId preferred);
  PagesOr alloc_large(unsigned cpu, Gfp gfp, unsigned order, NodeId preferred);
  PagesOr slow_alloc(unsigned cpu, Gfp gfp, unsigned order, NodeId preferred);
  PagesOr alloc_attempts(Attempt attempt, const Zone& wanted);
  Pfn from_zonelist(const Attempt& attempt, const Zone& wanted);
  Pfn from_zone(Zone& zone, const Attempt& attempt);
  bool refill(Pcp& pcp, unsigned order, Migratetype type);
  [[nodiscard]] static Stripe stripe_of(const Pcp& pcp) {
    const uint32_t stripes = pcp.zone->stripes;
    return stripes == 1 ? Stripe() : Stripe(pcp.cpu, stripes);
  }
  [[gnu::always_inline]] static Pfn pop(const Node& node, HotList& list);
  [[gnu::always_inline]] static Pfn pop_huge(const Node& node, HotList& list);
  bool refill_huge(Pcp& pcp, Migratetype type);
  template <class IndexOf>
  [[gnu::always_inline]] static void add_oldest(HotList& list, Page* pages, const FrameBatch& got,
                                                Tag tag, IndexOf index_of);
  Pfn finish(Pfn pfn, const Attempt& attempt, Zone& zone, const Zone& wanted);
  PagesOr zeroed(Pfn pfn, unsigned order) const;
  void fill(PfnRange frames, uint64_t word) const;
  // Before frames are free; where they are handed out; and of frames that are out already, as far as that
  // has nothing to do with what they hold.
  void put_away(PfnRange frames) const;
  void prepare(PfnRange frames);
  void prepare_silently(PfnRange frames);
  void show(PfnRange frames) const {
    if (presence_.set != nullptr) presence_.set(presence_.context, frames, true);
  }
  uint64_t find_corrupted(PfnRange frames, const Printer* out);
  static Result<> take_free_range(Zone& zone, PfnRange frames);
  void reserve_highatomic(Zone& zone, Pfn pfn);
  bool unreserve_highatomic(const Attempt& attempt);
  Freed general_free(CpuHeader& header, Pfn pfn, unsigned order);
  Freed slow_free(CpuHeader& header, Pfn pfn, unsigned order);
  [[gnu::always_inline]] Freed free_to_list(CpuHeader& header, const Node& node, FrameIndex frame,
                                            unsigned order, unsigned type);
  // Whether it is the head of an allocated block of that order that one reference holds, which may
  // be freed; and whether nobody was faster.
  [[gnu::always_inline]] static bool freeable(const Page& page, Tag tag, unsigned order) {
    return tag.is(BlockState::Allocated, order) && page.references() == 1;
  }
  [[gnu::always_inline]] static bool claim(Page& page, Tag tag) {
    return Policy::claim(page.word, tag.word(), tag.as_on_cpu_list().word());
  }
  Freed free_huge(unsigned cpu, Pfn pfn);
  Freed free_large(unsigned cpu, Pfn pfn, unsigned order);
  // Not masked, so that interrupts come between their batches.
  void return_pages(Pcp& pcp, int32_t pages);
  Freed shrink(Pcp& pcp, unsigned order);
  int32_t pages_to_return(Pcp& pcp, unsigned order);
  Freed shrink_huge(Pcp& pcp);
  static void adopt(Pcp& pcp);
  void return_pageblocks(Pcp& pcp, int32_t blocks);
  void return_all(Pcp& pcp);
  template <class Change>
  void change_pageblocks(Zone& zone, PfnRange frames, Change change);

  Printer report_;
  ShortageHook shortage_hook_ = nullptr;
  void* shortage_context_ = nullptr;
};

}  // namespace mm

#include "mm/page_alloc_impl.h"         // IWYU pragma: export
#include "mm/page_alloc_ranges_impl.h"  // IWYU pragma: export
#include "mm/page_alloc_slow_impl.h"    // IWYU pragma: export

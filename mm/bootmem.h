// The boot allocator of Linux 2.6.3x: a bitmap a node, a bit a frame, 1 is taken.
//
// All frames are taken at first, then active regions are freed, then reservations taken back
// (mm/bootmem.c, arch/x86/mm/init_64.c, kernel/early_res.c there). At the end free_all_bootmem
// hands every free run over. Ours differs in how it costs: frames are grouped by 4096 (16 MiB), a
// byte a group says whether it is all free, all taken or mixed, and only a mixed group's 64 words
// of bits are ever read or written. So a pass over a machine costs by the borders in its map, not
// by its frames. Nothing here looks at single bits in a row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "mm/direct_map.h"
#include "mm/early_res.h"
#include "mm/layout.h"
#include "mm/print.h"
#include "mm/result.h"
#include "mm/types.h"

namespace mm {

// One node's bitmap (bootmem_data_t). Memory for it is the caller's; its content may be anything.
class NodeBootmem {
 public:
  static constexpr uint64_t kGroup = 4096;  // frames

  // Bytes init() needs for frames of this range (bootmem_bootmap_pages, in bytes, page multiple).
  [[nodiscard]] static uint64_t bootmap_bytes(PfnRange frames);

  // init_bootmem_node: every frame of the range is taken. `memory` is 8-byte aligned and at least
  // bootmap_bytes(frames) long.
  Result<> init(NodeId node, PfnRange frames, std::span<std::byte> memory);

  [[nodiscard]] NodeId node() const { return node_; }
  [[nodiscard]] PfnRange frames() const { return frames_; }

  // Sets or clears all of the range, clipped to the node. Whether it was so before does not matter.
  void take(PfnRange range) { fill(range, true); }
  void give(PfnRange range) { fill(range, false); }

  [[nodiscard]] bool all_free(PfnRange range) const;
  [[nodiscard]] bool all_taken(PfnRange range) const;
  // The first maximal run of free frames that ends after `from`, cut to `bounds`; empty when none.
  [[nodiscard]] PfnRange next_free(Pfn from, PfnRange bounds) const;
  [[nodiscard]] uint64_t count_free() const;

 private:
  enum class Group : uint8_t { Free, Taken, Mixed };

  void fill(PfnRange range, bool taken);
  void fill_groups(uint64_t group, uint64_t count, Group state);
  void fill_words(uint64_t from, uint64_t to, bool taken);
  void mix(uint64_t group);
  [[nodiscard]] uint64_t next(uint64_t from, uint64_t to, bool taken) const;
  [[nodiscard]] uint64_t skip_groups(uint64_t group, uint64_t end, Group like) const;

  NodeId node_ = kNoNode;
  PfnRange frames_;
  Pfn base_;  // frame of bit 0: frames_.start rounded down to a group
  uint64_t groups_ = 0;
  Group* state_ = nullptr;    // groups_ of them, padded with Taken to a multiple of 8
  uint64_t* bits_ = nullptr;  // 64 words a group; those of groups that are not Mixed mean nothing
};

// The machine's boot allocator: its nodes' bitmaps and what to do across them.
class Bootmem {
 public:
  Bootmem() = default;
  explicit Bootmem(std::span<NodeBootmem> nodes) : nodes_(nodes) {}  // those with RAM, by id

  [[nodiscard]] std::span<NodeBootmem> nodes() const { return nodes_; }

  // free_bootmem_with_active_regions, for all nodes. The ranges must outlive this object.
  void free_active(std::span<const ActiveRange> active);

  // reserve_bootmem and free_bootmem: whole frames touched by the range are taken; whole frames
  // inside it that are RAM (free_active was told which) are freed, each in its own node, which
  // matters where the spans of nodes overlap.
  void reserve(Range range);
  void free(Range range);
  // reserve_bootmem with BOOTMEM_EXCLUSIVE: fails, and takes nothing, when a frame is taken already
  // or is in no node.
  Result<> reserve_exclusive(Range range, const char* name);

  // early_res_to_bootmem: takes back what reservations have inside `range`. Prints
  // `(%d/%d early reservations) ==> bootmem [%010llx - %010llx]`, the count and how many the list
  // could hold (max_early_res), and a line for each, as Linux 2.6.34 does; the list's own entry is
  // taken and neither counted nor printed.
  void take_reservations(const EarlyRes& reservations, Range range, const Printer& out);

  struct Want {
    uint64_t size = 0;
    uint64_t align = kPageSize;  // power of two; at least a page is used
    Phys goal{};                 // tried from here up first, then from 0
    Phys limit{kMaxPhys};        // the end lies at or below this
    NodeId node = kNoNode;       // tried first; kNoNode: in order of node ids
    bool this_node_only = false;
  };
  // alloc_bootmem: whole frames, lowest place that fits. Content is whatever was there.
  Result<Phys> alloc(const Want& want);

 private:
  NodeBootmem* node_of(NodeId id);
  static Phys alloc_in(NodeBootmem& node, const Want& want);

  std::span<NodeBootmem> nodes_;
  std::span<const ActiveRange> active_;
};

// bootmem's first half for a machine: for each node with RAM finds room for its bitmap in the node
// (or anywhere, when the node is full), reserves it as "BOOTMAP" and marks all taken. `nodes` has
// room for each node with RAM; returns how many these are. Frames from `max_low` on are highmem:
// bootmem knows nothing of them, and a node that has no others has no bitmap.
Result<size_t> init_bootmem(std::span<const NodeLayout> layouts, std::span<NodeBootmem> nodes,
                            std::span<const ActiveRange> active, const E820Table& e820,
                            EarlyRes& reservations, const DirectMap& map, const Printer& out,
                            Pfn max_low = pfn_down(Phys{kMaxPhys}));

}  // namespace mm

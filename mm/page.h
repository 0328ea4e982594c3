// Page: what is remembered of one page frame, in 16 bytes.
//
// mem_map is an array of these, one per frame of a node's span, and there is one more for each
// pageblock, which blocks of pageblock order or more have. RAM is not zeroed, so a Page means
// nothing until something has written it: mm/pageblock.h says which Pages may be read. In a Page that
// may be read, `tag` is not zero exactly where a block starts that is allocated or on a CPU's list.
// What is free is in maps (mm/regions.h). Nothing is stored in the frames themselves.
#pragma once

#include <cstdint>

#include "mm/layout.h"
#include "mm/types.h"

namespace mm {

// A block of order n is 2^n frames, aligned to its size: 4 KiB to 1 GiB.
inline constexpr unsigned kMaxOrder = 18;
inline constexpr unsigned kOrders = kMaxOrder + 1;
// A pageblock (2 MiB) is what migratetypes and lazy description are kept for.
inline constexpr unsigned kPageblockOrder = 9;
inline constexpr uint64_t kPageblockFrames = uint64_t{1} << kPageblockOrder;
inline constexpr uint64_t kGigaFrames = uint64_t{1} << kMaxOrder;

constexpr uint64_t frames_of(unsigned order) { return uint64_t{1} << order; }
// The whole pageblocks inside a range, and the whole GiBs that it touches.
constexpr PfnRange pageblocks_inside(PfnRange frames) {
  return {align_up(frames.start, kPageblockFrames), align_down(frames.end, kPageblockFrames)};
}
constexpr PfnRange whole_gigas(PfnRange frames) {
  return {align_down(frames.start, kGigaFrames), align_up(frames.end, kGigaFrames)};
}

enum class BlockState : uint8_t {
  None,       // no block starts here
  Free,       // in no Page: what is free is in maps (mm/regions.h)
  Allocated,  // handed out; even, and the next state this plus 1
  OnCpuList,  // free, kept on one CPU's list
};

// What a block's first Page says, in one word, so that "a free block of this order in this zone" is
// one comparison.
class Tag {
  static_assert(kZoneTypes <= 8);  // three bits

 public:
  constexpr Tag() = default;
  constexpr explicit Tag(uint32_t word) : word_(word) {}
  constexpr Tag(BlockState state, unsigned order, ZoneType zone, NodeId node)
      : word_(static_cast<uint32_t>(state) | order << kOrderShift |
              static_cast<uint32_t>(zone) << kZoneShift | uint32_t{node} << kNodeShift) {}

  [[nodiscard]] constexpr uint32_t word() const { return word_; }
  [[nodiscard]] constexpr BlockState state() const {
    return static_cast<BlockState>(word_ & kStateMask);
  }
  [[nodiscard]] constexpr unsigned order() const { return (word_ >> kOrderShift) & 31; }
  [[nodiscard]] constexpr ZoneType zone() const {
    return static_cast<ZoneType>((word_ >> kZoneShift) & 7);
  }
  [[nodiscard]] constexpr NodeId node() const { return static_cast<NodeId>(word_ >> kNodeShift); }
  // Whether it is the head of a block of that order in that state, of whatever zone.
  [[nodiscard]] constexpr bool is(BlockState state, unsigned order) const {
    return (word_ & (kStateMask | 31u << kOrderShift)) ==
           (static_cast<uint32_t>(state) | order << kOrderShift);
  }
  // Allocated to OnCpuList and back.
  [[nodiscard]] constexpr Tag as_on_cpu_list() const { return Tag{word_ | 1}; }
  [[nodiscard]] constexpr Tag as_allocated() const { return Tag{word_ & ~uint32_t{1}}; }
  friend constexpr bool operator==(Tag, Tag) = default;

  // zone() times 2^kZoneShift, for finding what is kept by zone without shifting.
  static constexpr unsigned kZoneShift = 7;
  [[nodiscard]] constexpr uint32_t zone_bits() const { return word_ & (uint32_t{7} << kZoneShift); }

 private:
  static constexpr uint32_t kStateMask = 3;
  static constexpr unsigned kOrderShift = 2;
  static constexpr unsigned kNodeShift = 16;
  uint32_t word_ = 0;
};

// Links of lists are frame indexes relative to the first frame the node's mem_map describes.
using FrameIndex = uint32_t;
inline constexpr FrameIndex kNoFrame = 0xffff'ffff;

struct Page {
  uint32_t word;   // a Tag; other CPUs look at it when they merge, so it is read and written whole
  uint32_t count;  // Allocated: references held (1 when fresh). On a CPU's list: 1.
  __extension__ union {
    struct {
      FrameIndex next, prev;  // on a list
    };
    uint64_t owners;  // Allocated: its owner's; otherwise without meaning
  };

  [[nodiscard]] Tag tag() const { return Tag{__atomic_load_n(&word, __ATOMIC_RELAXED)}; }
  void set_tag(Tag tag) { __atomic_store_n(&word, tag.word(), __ATOMIC_RELAXED); }
  // Acquire: what the others that had a reference wrote comes before what the last one does.
  [[nodiscard]] uint32_t references() const { return __atomic_load_n(&count, __ATOMIC_ACQUIRE); }
  void set_count(uint32_t n) { __atomic_store_n(&count, n, __ATOMIC_RELAXED); }
};
static_assert(sizeof(Page) == 16);

}  // namespace mm

// Pageblocks: which Pages may be read, and what kind of memory a 2 MiB block is meant for.
//
// One byte a pageblock holds its state and its migratetype, and a Page is there for blocks of
// pageblock order or more. Both are valid only once something in their GiB was needed; until then
// every pageblock of that GiB is Untouched and Movable. One byte per GiB remembers that, so starting
// up writes by the GiB, not by the pageblock.
#pragma once

#include <array>
#include <cstdint>

#include "mm/page.h"
#include "mm/types.h"

namespace mm {

// In Linux's order; the first three are those that allocations ask for.
enum class Migratetype : uint8_t { Unmovable, Movable, Reclaimable, HighAtomic, Isolate };
inline constexpr unsigned kMigratetypes = 5;
inline constexpr unsigned kPcpMigratetypes = 3;
[[nodiscard]] constexpr const char* migratetype_name(Migratetype type) {
  constexpr std::array<const char*, kMigratetypes> kNames{"Unmovable", "Movable", "Reclaimable",
                                                          "HighAtomic", "Isolate"};
  return kNames[static_cast<size_t>(type)];
}

// Free blocks of HighAtomic and Isolate pageblocks merge only with their own kind, so that a block
// is either all inside such pageblocks or all outside.
[[nodiscard]] constexpr bool may_merge(Migratetype a, Migratetype b) {
  return a == b || (a < Migratetype::HighAtomic && b < Migratetype::HighAtomic);
}

enum class PageblockState : uint8_t {
  Described,  // all Pages of its frames may be read; this never changes back
  HeadValid,  // only its own, in heads()
  Untouched,  // not even that: nothing in its GiB was ever needed
};

class Pageblock {
 public:
  constexpr explicit Pageblock(uint8_t byte) : byte_(byte) {}
  constexpr Pageblock(PageblockState state, Migratetype type, bool shared)
      : byte_(static_cast<uint8_t>(static_cast<uint8_t>(type) |
                                   static_cast<uint8_t>(state) << kStateShift |
                                   (shared ? kSharedBit : 0))) {}

  [[nodiscard]] constexpr uint8_t byte() const { return byte_; }
  [[nodiscard]] constexpr PageblockState state() const {
    return static_cast<PageblockState>((byte_ >> kStateShift) & 3);
  }
  [[nodiscard]] constexpr Migratetype type() const {
    return static_cast<Migratetype>(byte_ & kTypeMask);
  }
  [[nodiscard]] constexpr Pageblock as(Migratetype type) const {
    return Pageblock{static_cast<uint8_t>((byte_ & ~kTypeMask) | static_cast<unsigned>(type))};
  }
  // Two zones of the node have frames in it: it stays Movable for ever.
  [[nodiscard]] constexpr bool shared() const { return (byte_ & kSharedBit) != 0; }
  // Described, of one zone, and of a type that per-CPU lists take: one comparison. Then byte() is
  // the type.
  [[nodiscard]] constexpr bool plain() const { return byte_ < kPcpMigratetypes; }

  // The same, when only its first Page need be readable.
  [[nodiscard]] constexpr bool plain_head() const {
    return (byte_ & ~(1u << kStateShift)) < kPcpMigratetypes;
  }

  // Whether the Page of the frame may be read.
  [[nodiscard]] constexpr bool readable(uint64_t pfn) const {
    return state() == PageblockState::Described ||
           (state() == PageblockState::HeadValid && pfn % kPageblockFrames == 0);
  }

  static constexpr unsigned kTypeMask = 7;
  static constexpr unsigned kStateShift = 3;

 private:
  static constexpr uint8_t kSharedBit = 1 << 5;
  uint8_t byte_;
};
inline constexpr Pageblock kFreshPageblock{PageblockState::Untouched, Migratetype::Movable, false};
inline constexpr Pageblock kTouchedPageblock{PageblockState::HeadValid, Migratetype::Movable,
                                             false};

// The state of a node's pageblocks. Written under the lock of the zone the pageblock belongs to (a
// shared one only before there is more than one CPU), read by anyone.
class PageblockMap {
 public:
  static constexpr uint64_t kBytesPerGiga = kGigaFrames / kPageblockFrames;  // 512

  // Bytes needed for frames [start, end), which may be any.
  [[nodiscard]] static constexpr uint64_t bytes_needed(PfnRange frames) {
    return gigas(frames) * (kBytesPerGiga + sizeof(uintptr_t)) + align_up(gigas(frames), 8);
  }
  // Takes over bytes_needed(frames) bytes of any content, aligned to 8, and as many Pages as the
  // GiBs of `frames` have pageblocks; `sparing` is DirectMap's. Everything is fresh after.
  void init(PfnRange frames, void* storage, Page* heads, bool sparing = false);
  [[nodiscard]] static constexpr uint64_t heads_needed(PfnRange frames) {
    return gigas(frames) * kBytesPerGiga;
  }

  // By number: pageblocks are counted from the start of a GiB.
  [[nodiscard]] FrameIndex index(Pfn pfn) const {
    return static_cast<FrameIndex>((pfn - first_) / kPageblockFrames);
  }
  [[nodiscard]] Pfn pageblock(FrameIndex index) const {
    return first_ + uint64_t{index} * kPageblockFrames;
  }
  [[nodiscard]] Page* heads() const { return heads_; }

  // The pageblock of a frame, for frames in a GiB of the range given to init().
  [[nodiscard]] Pageblock at(Pfn pfn) const {
    const uintptr_t row =
        __atomic_load_n(reinterpret_cast<const uintptr_t*>(rows_) + (pfn.v >> kMaxOrder),  // NOLINT
                        __ATOMIC_ACQUIRE);
    return Pageblock{__atomic_load_n(
        reinterpret_cast<const uint8_t*>(row + (pfn.v >> kPageblockOrder)),  // NOLINT: see rows_
        __ATOMIC_RELAXED)};
  }
  // Only where has_bytes().
  void set(Pfn pfn, Pageblock block) {
    __atomic_store_n(&bytes_[(pfn - first_) / kPageblockFrames], block.byte(), __ATOMIC_RELAXED);
  }
  // Whether none of so many pageblocks, in a GiB that has bytes, is described.
  [[nodiscard]] bool none_described(Pfn first, uint64_t count) const;
  // Bit n: the n-th pageblock of 64 becomes one of the type.
  void set_types(Pfn first, uint64_t bits, Migratetype type);
  // The tags of a pageblock's 512 Pages become 0.
  void clear_tags(Page* pages) const;
  // Something in this GiB is needed: its pageblocks become HeadValid, their tags 0. Not again.
  void make_bytes(Pfn pfn);

  // One free block of order 18 that is part of a run and not the run's first (mm/buddy.h): none of
  // its Pages may be read.
  [[nodiscard]] bool in_run(Pfn pfn) const { return giga(pfn) == kGigaInRun; }
  void set_in_run(Pfn first, uint64_t count);

  // Whether any pageblock of this GiB was ever set. Needs no lock.
  [[nodiscard]] bool has_bytes(Pfn pfn) const { return giga(pfn) == kGigaBytes; }
  // Whether none of the pageblocks of this GiB was ever set.
  [[nodiscard]] bool fresh_giga(Pfn pfn) const { return giga(pfn) == kGigaFresh; }
  // How many GiBs in a row, from that of `pfn` on and `most` at most, are fresh.
  [[nodiscard]] uint64_t fresh_gigas(Pfn pfn, uint64_t most) const;

 private:
  static constexpr uint8_t kGigaFresh = 0;
  static constexpr uint8_t kGigaBytes = 1;
  static constexpr uint8_t kGigaInRun = 2;

  [[nodiscard]] static constexpr uint64_t gigas(PfnRange frames) {
    return frames.empty() ? 0 : whole_gigas(frames).size() / kGigaFrames;
  }
  // Only under the lock of a zone that has frames there.
  [[nodiscard]] uint8_t giga(Pfn pfn) const {
    return __atomic_load_n(&gigas_[(pfn - first_) / kGigaFrames], __ATOMIC_RELAXED);
  }
  void set_giga(Pfn pfn, uint8_t state) {
    __atomic_store_n(&gigas_[(pfn - first_) / kGigaFrames], state, __ATOMIC_RELAXED);
  }

  // For each GiB where the bytes of its pageblocks are: its own once it has been touched, before
  // that those of a GiB that is fresh for ever. Both addresses are those that the frame number 0
  // would have, so that a lookup is two shifts and two loads.
  uintptr_t rows_ = 0;
  uint8_t* bytes_ = nullptr;  // a pageblock each; of a GiB they are valid when it is kGigaBytes
  uint8_t* gigas_ = nullptr;  // a GiB each
  Page* heads_ = nullptr;     // a pageblock each
  Pfn first_;                 // a multiple of a GiB
  bool sparing_ = false;
};

}  // namespace mm

#include "mm/block_walk.h"

#include <algorithm>
#include <array>

#include "mm/buddy.h"

namespace mm {
namespace {

// The next run of blocks of one state: a block, or all blocks of order 18 that one Page stands for.
struct Stretch {
  PfnRange frames;
  Tag tag;
};

Stretch stretch_at(const Node& node, Pfn pfn) {
  const BlockAt block = find_block(node, pfn);
  if (block.tag.state() == BlockState::None) return {};
  uint64_t blocks = 1;
  // Only the first of a run knows how many there are.
  if (block.tag.is(BlockState::Free, kMaxOrder) && !node.blocks.in_run(block.pfn)) {
    const Regions& gigas = node.zones[block.tag.zone()].gigas;
    blocks = gigas[gigas.index(block.pfn)].run;
  }
  return {{block.pfn, block.pfn + blocks * frames_of(block.order)}, block.tag};
}

void add(BlockFrames& found, BlockState state, uint64_t frames) {
  switch (state) {
    case BlockState::Free:
      found.free += frames;
      break;
    case BlockState::OnCpuList:
      found.on_cpu_lists += frames;
      break;
    case BlockState::Allocated:
      found.allocated += frames;
      break;
    case BlockState::None:
      break;
  }
}

// The zones that may have frames of a range.
class ZonesAt {
 public:
  ZonesAt(const Node& node, PfnRange frames) {
    for (const Zone& zone : node.zones) {
      if (zone.populated && zone.spanned.overlaps(frames)) zones_[count_++] = &zone;
    }
  }
  [[nodiscard]] const Zone* const* begin() const { return zones_.data(); }
  [[nodiscard]] const Zone* const* end() const { return zones_.data() + count_; }

 private:
  std::array<const Zone*, kZoneTypes> zones_{};
  size_t count_ = 0;
};

// The first of so many Pages that has a tag; `count` when none has.
uint64_t first_tag(const Page* pages, uint64_t count) {
  uint64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    uint32_t any = 0;
#pragma GCC unroll 8
    for (uint64_t j = 0; j < 8; ++j) any |= pages[i + j].tag().word();
    if (any != 0) break;
  }
  while (i < count && pages[i].tag() == Tag{}) ++i;
  return i;
}

// Eight pageblocks.
constexpr uint64_t kRow = 8, kRowFrames = kRow * kPageblockFrames;

// Of pageblocks in a GiB that has been touched: whether none is described, in use or free.
bool nothing_in_row(const Node& node, const ZonesAt& zones, Pfn start) {
  if (!node.blocks.none_described(start)) return false;
  if (first_tag(&node.head(start), kRow) != kRow) return false;
  for (const Zone* zone : zones) {
    if (!zone->spanned.overlaps({start, start + kRowFrames})) continue;
    const unsigned unit = zone->gigas.unit(start);
    const uint64_t word =
        zone->gigas.map(zone->gigas.index(start)).word(unit / FreeMap::kWordUnits);
    if ((word >> unit % FreeMap::kWordUnits & 0xff) != 0) return false;
  }
  return true;
}

}  // namespace

Pfn first_head(const Node& node, PfnRange frames) {
  const PageblockMap& blocks = node.blocks;
  const ZonesAt zones(node, frames);
  for (Pfn pfn = frames.start; pfn < frames.end;) {
    if (blocks.in_run(pfn)) return pfn;
    const Pfn giga = align_down(pfn, kGigaFrames);
    if (blocks.fresh_giga(pfn)) {
      const uint64_t left = (frames.end - giga + kGigaFrames - 1) / kGigaFrames;
      pfn = giga + blocks.fresh_gigas(pfn, left) * kGigaFrames;
      continue;
    }
    // Most often nothing is known of many pageblocks in a row.
    if (pfn.v % kRowFrames == 0 && frames.end - pfn >= kRowFrames &&
        nothing_in_row(node, zones, pfn)) {
      pfn += kRowFrames;
      continue;
    }
    const Pfn block = align_down(pfn, kPageblockFrames);
    const Pfn limit = std::min(block + kPageblockFrames, frames.end);
    if (pfn == block && node.head(pfn).tag() != Tag{}) return pfn;
    const bool described = blocks.at(pfn).state() == PageblockState::Described;
    Pfn end = limit;  // or the first free frame
    for (const Zone* zone : zones) {
      if (!zone->spanned.overlaps({pfn, limit})) continue;
      if (zone->gigas.map(zone->gigas.index(pfn)).has(zone->gigas.unit(pfn))) return pfn;
      if (!described) continue;
      const FreeMap& map = zone->pageblocks.map(zone->pageblocks.index(pfn));
      end = std::min(end, block + map.first_from(zone->pageblocks.unit(pfn)));
    }
    if (!described) {
      pfn = limit;
      continue;
    }
    const uint64_t count = end - pfn;
    const uint64_t i = first_tag(&node.page(pfn), count);
    if (i != count) return pfn + i;
    if (end < limit) return end;
    pfn = end;
  }
  return frames.end;
}

Pfn first_in_block(const Node& node, PfnRange frames) {
  if (frames.empty()) return frames.end;
  if (find_block(node, frames.start).tag.state() != BlockState::None) return frames.start;
  // Any other block that has frames in here starts in here.
  return std::min(first_head(node, frames), frames.end);
}

Result<> count_blocks(const Zone& zone, PfnRange frames, BlockFrames& found) {
  const Node& node = *zone.node;
  Result<> result;
  const auto wrong = [&](ErrorText what, Pfn at, uint64_t b) {
    if (result.ok()) result = Error{what, zone_name(zone.type), phys(at).v, b};
  };
  for (Pfn at = frames.start; at < frames.end;) {
    const Stretch stretch = stretch_at(node, at);
    if (stretch.frames.empty()) {
      const Pfn next = first_in_block(node, {at + 1, frames.end});
      wrong("frames that nothing reserves and no block covers (address {:#x}, end {:#x})", at,
            phys(next).v);
      at = next;
      continue;
    }
    const PfnRange inside = stretch.frames.clip(frames);
    if (stretch.tag.zone() != zone.type || stretch.tag.node() != zone.node_id) {
      wrong("a block that says it is of another zone (address {:#x}, tag {:#x})", at,
            stretch.tag.word());
    } else if (stretch.frames.start != at || stretch.frames.end > frames.end) {
      wrong(
          "a block that reaches into what is reserved or of another zone (address {:#x}, order {})",
          stretch.frames.start, stretch.tag.order());
    }
    add(found, stretch.tag.state(), inside.size());
    at = inside.end;
  }
  return result;
}

}  // namespace mm

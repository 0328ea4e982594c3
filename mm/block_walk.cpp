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
    blocks = gigas.run(gigas.index(block.pfn));
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

// Frames of pageblocks that share a word of their GiB's map.
constexpr uint64_t kRowFrames = FreeMap::kWordUnits * kPageblockFrames;

// Of whole pageblocks of one row, in a GiB that has been touched: whether none is described, in use
// or free.
bool nothing_in(const Node& node, const ZonesAt& zones, PfnRange row) {
  const uint64_t count = row.size() / kPageblockFrames;
  if (!node.blocks.none_described(row.start, count)) return false;
  if (first_tag(&node.head(row.start), count) != count) return false;
  for (const Zone* zone : zones) {
    if (!zone->spanned.overlaps(row)) continue;
    const unsigned unit = zone->gigas.unit(row.start) % FreeMap::kWordUnits;
    const FreeMap& map = zone->gigas.map(zone->gigas.index(row.start));
    const uint64_t word = map.word(zone->gigas.unit(row.start) / FreeMap::kWordUnits);
    if (word >> unit << (FreeMap::kWordUnits - count) != 0) return false;
  }
  return true;
}

// The first block that starts in these frames of one pageblock; their end when none does.
Pfn first_in_pageblock(const Node& node, const ZonesAt& zones, PfnRange frames) {
  const Pfn block = align_down(frames.start, kPageblockFrames);
  if (frames.start == block && node.head(block).tag() != Tag{}) return block;
  const bool described = node.blocks.at(block).state() == PageblockState::Described;
  Pfn free = frames.end;  // the first frame that is
  for (const Zone* zone : zones) {
    if (!zone->spanned.overlaps(frames)) continue;
    const FreeMap& giga = zone->gigas.map(zone->gigas.index(block));
    if (giga.has(zone->gigas.unit(block))) return frames.start;
    if (!described) continue;
    const FreeMap& map = zone->pageblocks.map(zone->pageblocks.index(block));
    free = std::min(free, block + map.first_from(zone->pageblocks.unit(frames.start)));
  }
  if (!described) return frames.end;
  return frames.start + first_tag(&node.page(frames.start), free - frames.start);
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
    const Pfn row_end = std::min(end_of_part(pfn, kRowFrames), frames.end);
    const PfnRange whole = pageblocks_inside({pfn, row_end});
    if (!whole.empty() && whole.start == pfn && nothing_in(node, zones, whole)) {
      pfn = whole.end;
      continue;
    }
    while (pfn < row_end) {
      const Pfn end = std::min(end_of_part(pfn, kPageblockFrames), row_end);
      const Pfn first = first_in_pageblock(node, zones, {pfn, end});
      if (first != end) return first;
      pfn = end;
    }
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

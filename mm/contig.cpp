#include "mm/contig.h"

namespace mm {
namespace {

void call_allocated(Zone& zone, Pfn pfn, unsigned order) {
  Page& page = zone.node->page(pfn, order);
  page.set_count(1);
  page.set_tag(Tag{BlockState::Allocated, order, zone.type, zone.node_id});
}

// The first frame after `pfn`, which is in no free block, that could be in one.
Pfn skip_used(const Node& node, Pfn pfn) {
  const BlockAt block = find_block(node, pfn);
  if (block.tag.state() != BlockState::None) return block.pfn + frames_of(block.order);
  // No block covers it: so far as nothing starts behind it either, all of this is reserved.
  if (node.blocks.fresh_giga(pfn)) return end_of_part(pfn, kGigaFrames);
  if (node.blocks.at(pfn).state() != PageblockState::Described) {
    return end_of_part(pfn, kPageblockFrames);
  }
  return pfn + 1;
}

}  // namespace

Pfn first_not_free(const Node& node, PfnRange frames) {
  for (Pfn pfn = frames.start; pfn < frames.end;) {
    const BlockAt block = find_block(node, pfn);
    if (block.tag.state() != BlockState::Free) return pfn;
    pfn = block.pfn + frames_of(block.order);
  }
  return frames.end;
}

void take_range(Zone& zone, PfnRange frames) {
  for_each_block_in(frames, [&](Pfn pfn, unsigned order) {
    // Free blocks inside this one are joined by taking them all and calling them one.
    for (Pfn at = pfn; at < pfn + frames_of(order);) {
      const BlockAt block = find_block(*zone.node, at);
      if (block.order >= order) {
        take_exactly(zone, block, pfn, order);
        return true;
      }
      take_exactly(zone, block, block.pfn, block.order);
      zone.node->page(block.pfn, block.order).set_tag(Tag{});
      at = block.pfn + frames_of(block.order);
    }
    call_allocated(zone, pfn, order);
    return true;
  });
}

Pfn first_not_held(const Zone& zone, PfnRange frames) {
  const Node& node = *zone.node;
  Pfn wrong = frames.end;
  for_each_block_in(frames, [&](Pfn pfn, unsigned order) {
    const Tag tag{BlockState::Allocated, order, zone.type, zone.node_id};
    const Page* const page = node.block_page(pfn);
    const bool held = page != nullptr && page->tag() == tag && page->count == 1;
    if (!held) wrong = pfn;
    return held;
  });
  return wrong;
}

void forget_range(Zone& zone, PfnRange frames) {
  for_each_block_in(frames, [&](Pfn pfn, unsigned order) {
    zone.node->page(pfn, order).set_tag(Tag{});
    return true;
  });
}

void cut_allocated(Zone& zone, Pfn pfn, unsigned order, uint64_t count) {
  const Pfn cut = pfn + count;
  zone.node->page(pfn, order).set_tag(Tag{});
  for_each_block_in({pfn, cut}, [&](Pfn piece, unsigned piece_order) {
    make_room(*zone.node, piece, piece_order);
    call_allocated(zone, piece, piece_order);
    return true;
  });
  for_each_block_in({cut, pfn + frames_of(order)}, [&](Pfn piece, unsigned piece_order) {
    make_room(*zone.node, piece, piece_order);
    free_block(zone, piece, piece_order);
    return true;
  });
}

Pfn find_contig(const Zone& zone, uint64_t count, uint64_t align) {
  const Node& node = *zone.node;
  Pfn start = align_up(zone.spanned.start, align);
  while (start < zone.spanned.end && zone.spanned.end - start >= count) {
    // A run that is not interrupted from start on.
    Pfn at = start;
    Pfn next = start;
    while (at - start < count) {
      const BlockAt block = find_block(node, at);
      if (block.tag.state() != BlockState::Free || block.tag.zone() != zone.type ||
          node.blocks.at(block.pfn).type() == Migratetype::Isolate) {
        next = skip_used(node, at);
        break;
      }
      at = block.pfn + frames_of(block.order);
    }
    if (at - start >= count) return start;
    start = align_up(next, align);
  }
  return kNoPfn;
}

}  // namespace mm

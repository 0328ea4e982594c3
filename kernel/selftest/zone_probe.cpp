#include "kernel/selftest/zone_probe.h"

#include "kernel/smp/drain.h"

namespace kernel {

using mm::FreeBlock;
using mm::Gfp;
using mm::ZoneType;

uint64_t mix(uint64_t v) {
  v = (v ^ v >> 31) * 0x7fb5d329728ea185;
  v = (v ^ v >> 27) * 0x81dadef4bc2dd44d;
  return v ^ v >> 33;
}

FreeSet free_set(Pages& pages) {
  drain_everywhere(pages);
  FreeSet set;
  pages.for_each_free_block([&](const FreeBlock& b) {
    ++set.blocks;
    set.frames += mm::frames_of(b.order);
    set.sum += mix(b.pfn.v << 16 | b.order << 8 | static_cast<uint64_t>(b.zone)) ^ b.node;
    return true;
  });
  return set;
}

Gfp only(ZoneType zone) {
  const Gfp all =
      mm::kGfpFlagThisNode | mm::kGfpFlagMemAlloc | mm::kGfpFlagNoWarn | mm::kGfpFlagMovable;
  switch (zone) {
    case ZoneType::Dma:
      return all | mm::kGfpFlagDma;
    case ZoneType::Dma32:
      return all | mm::kGfpFlagDma32;
    case ZoneType::HighMem:
    case ZoneType::Movable:
      return all | mm::kGfpFlagHighMem;
    case ZoneType::Normal:
      break;
  }
  return all;
}

bool is_of(const Pages& pages, const mm::Zone& zone, mm::Pfn block) {
  const mm::Node* const node = pages.node_of(block);
  if (node == nullptr || node->id != zone.node_id) return false;
  const mm::Page* const page = node->block_page(block);
  return page != nullptr && page->tag().zone() == zone.type;
}

}  // namespace kernel

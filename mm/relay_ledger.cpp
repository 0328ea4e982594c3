#include "mm/relay_ledger.h"

#include <array>

namespace mm {
namespace {

constexpr size_t kMaxTrims = 64;

const PageAllocatorCore& pages_of(const void* context) {
  return *static_cast<const PageAllocatorCore*>(context);
}

AllocatorBooks books_of(const PageAllocatorCore& pages) {
  return {[](const void* context, NodeId node, ZoneType zone) {
            const ZoneCounts counts = pages_of(context).zone_counts(node, zone);
            return ZoneUse{counts.managed, counts.free, counts.on_cpu_lists};
          },
          [](const void* context, NodeId node, ZoneType type, PfnRange frames, BlockFrames& found) {
            const Zone& zone = pages_of(context).node(node).zones[static_cast<size_t>(type)];
            return count_blocks(zone, frames, found);
          },
          [](const void* context, NodeId node, PfnRange frames) {
            return first_in_block(pages_of(context).node(node), frames);
          },
          &pages};
}

}  // namespace

Result<> close_ledger(const RelayCore& relay, const PageAllocatorCore& pages,
                      const LedgerFacts& facts, const Printer& out) {
  std::array<NamedBytes, kMaxTrims> trims;
  size_t count = 0;
  trims[count++] = {"page 0", relay.trims().page_zero};
  trims[count++] = {"BIOS hole", relay.trims().bios_hole};
  if (relay.trims().unreachable != 0) trims[count++] = {"unreachable", relay.trims().unreachable};
  if (relay.trims().uncached != 0) trims[count++] = {"MTRR", relay.trims().uncached};
  if (facts.trims.size() > trims.size() - count) {
    return Error{"more trims than room (trims {}, room {})", "ledger", facts.trims.size(),
                 trims.size() - count};
  }
  for (const NamedBytes& trim : facts.trims) trims[count++] = trim;

  LedgerInput input;
  input.firmware = facts.firmware;
  input.added = facts.added;
  input.trims = std::span(trims).first(count);
  input.end = facts.end;
  input.e820 = &relay.e820();
  input.reservations = relay.reservations().entries();
  if (!relay.numa().faked) input.srat = relay.srat();
  input.active = relay.layout().active;
  input.nodes = relay.layout().nodes;
  input.books = books_of(pages);
  return close_ledger(input, out);
}

}  // namespace mm

#include "mm/relay_ledger.h"

#include <algorithm>
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
            const Zone& zone = pages_of(context).node(node).zones[type];
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
  const std::span<const NamedBytes> platforms = relay.trims().all();
  if (platforms.size() + facts.trims.size() > trims.size()) {
    return Error{"more trims than room (trims {}, room {})", "ledger",
                 platforms.size() + facts.trims.size(), trims.size()};
  }
  const auto more = std::copy(platforms.begin(), platforms.end(), trims.begin());
  const auto end = std::copy(facts.trims.begin(), facts.trims.end(), more);

  LedgerInput input;
  input.firmware = facts.firmware;
  input.added = facts.added;
  input.trims = {trims.begin(), end};
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

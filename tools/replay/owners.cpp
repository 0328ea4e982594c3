// Who has an address.
#include "mm/page_alloc.h"
#include "mm/show.h"
#include "tools/replay/replayed.h"
#include "tools/replay/said.h"

namespace replay {
namespace {

using mm::FrameUse;
using mm::Phys;
using mm::Range;

std::string word_of(mm::E820Type type) { return said("{}", type); }

void add_firmware(const Replayed& replayed, Phys address, std::vector<Owner>& owners) {
  const size_t before = owners.size();
  for (const mm::E820Entry& entry : replayed.machine().said()) {
    if (entry.range.contains(address)) {
      owners.push_back({"firmware", word_of(entry.type), entry.range});
    }
  }
  if (owners.size() == before) owners.push_back({"firmware", "not in its map", {}});
}

void add_e820(const Replayed& replayed, Phys address, std::vector<Owner>& owners) {
  for (const Taken& taken : replayed.taken()) {
    if (taken.range.contains(address)) owners.push_back({"taken", taken.why, taken.range});
  }
  const mm::E820Entry* entry = replayed.relay().e820().find(address);
  if (entry == nullptr) {
    owners.push_back({"e820", "a gap", {}});
  } else {
    owners.push_back({"e820", word_of(entry->type), entry->range});
  }
}

void add_srat(const Replayed& replayed, Phys address, std::vector<Owner>& owners) {
  for (const mm::MemoryAffinity& entry : replayed.machine().srat) {
    if (!entry.range.contains(address)) continue;
    owners.push_back({"SRAT",
                      said("node {}", entry.node) + (entry.hotplug ? ", hotplug" : "") +
                          (entry.nonvolatile ? ", non-volatile" : ""),
                      entry.range});
  }
}

void add_frame(const Replayed& replayed, mm::Pfn frame, std::vector<Owner>& owners) {
  const mm::FrameOwner owner = replayed.pages().owner_of(frame);
  if (owner.use != FrameUse::NoNode) {
    const mm::NodeLayout& node = replayed.relay().layout().nodes[owner.node];
    owners.push_back({"node", said("{}", owner.node), mm::phys(node.spanned)});
    if (owner.in_zone) {
      owners.push_back({"zone", mm::zone_name(owner.zone), phys(node.zones[owner.zone].spanned)});
    }
    const mm::Pfn pageblock = mm::align_down(frame, mm::kPageblockFrames);
    owners.push_back({"pageblock", mm::migratetype_name(owner.migratetype),
                      mm::phys(mm::PfnRange{pageblock, pageblock + mm::kPageblockFrames})});
  }
  const bool in_block = owner.use == FrameUse::Free || owner.use == FrameUse::OnCpuList ||
                        owner.use == FrameUse::Allocated;
  Range block;
  std::string what = mm::words_of(owner.use);
  if (in_block) {
    block = mm::phys(mm::PfnRange{owner.block, owner.block + (uint64_t{1} << owner.order)});
    what += said(", in a block of order {}", owner.order);
  }
  owners.push_back({"block", what, block});
}

}  // namespace

std::vector<Owner> owners_of(const Replayed& replayed, Phys address) {
  std::vector<Owner> owners;
  add_firmware(replayed, address, owners);
  add_e820(replayed, address, owners);
  if (const auto* r = replayed.relay().reservations().find(address); r != nullptr) {
    owners.push_back({"reservation", r->name, r->range});
  }
  add_srat(replayed, address, owners);
  add_frame(replayed, mm::pfn_down(address), owners);
  return owners;
}

}  // namespace replay

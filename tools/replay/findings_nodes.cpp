// SRAT against the map, and the nodes that come of it.
#include <algorithm>

#include "mm/zones.h"
#include "tools/replay/finding_rows.h"
#include "tools/replay/said.h"

namespace replay {
namespace {

using mm::ActiveRange;
using mm::E820Entry;
using mm::E820Type;
using mm::MemoryAffinity;
using mm::NodeId;
using mm::NodeLayout;
using mm::Range;

// SRAT's ranges that count, ascending.
std::vector<MemoryAffinity> claims_of(const Machine& machine) {
  std::vector<MemoryAffinity> claims;
  for (const MemoryAffinity& entry : machine.srat) {
    if (!entry.range.empty() && entry.range.end.v <= mm::kMaxPhys) claims.push_back(entry);
  }
  std::sort(claims.begin(), claims.end(), [](const MemoryAffinity& a, const MemoryAffinity& b) {
    return a.range.start < b.range.start;
  });
  return claims;
}

void find_two_nodes(const Replayed& replayed, std::vector<Finding>& findings) {
  std::vector<Range> both;
  std::string who;
  MemoryAffinity longest;
  for (const MemoryAffinity& entry : claims_of(replayed.machine())) {
    if (longest.range.end > entry.range.start && longest.node != entry.node) {
      both.push_back(longest.range.clip(entry.range));
      if (who.empty()) who = said("nodes {} and {}", longest.node, entry.node);
    }
    if (entry.range.end > longest.range.end) longest = entry;
  }
  join(both);
  if (both.empty()) return;
  findings.push_back({.name = "srat-overlap",
                      .text = "SRAT gives " + size_words(bytes_of(both)) + " to two nodes (" + who +
                              "): " + list_of(both) +
                              ". Linux then uses none of it: all RAM is "
                              "node 0's.",
                      .advice = "Update the firmware; nodes are lost until then.",
                      .bytes = bytes_of(both),
                      .where = both});
}

// RAM that SRAT gives to no node.
void find_homeless(const Replayed& replayed, std::vector<Finding>& findings) {
  if (replayed.machine().srat.empty()) return;
  std::vector<Range> homes;
  for (const MemoryAffinity& entry : claims_of(replayed.machine())) homes.push_back(entry.range);
  join(homes);
  std::vector<Range> homeless;
  for (const ActiveRange& active : replayed.relay().layout().active) {
    mm::Phys at = phys(active.pfns.start);
    const mm::Phys end = phys(active.pfns.end);
    for (const Range& home : homes) {
      if (home.end <= at || home.start >= end) continue;
      if (home.start > at) homeless.push_back({at, home.start});
      at = home.end;
    }
    if (at < end) homeless.push_back({at, end});
  }
  join(homeless);
  if (homeless.empty()) return;
  const bool faked = replayed.relay().numa().faked;
  findings.push_back(
      {.name = "ram-outside-srat",
       .text = size_words(bytes_of(homeless)) +
               " of RAM are in no node of SRAT's: " + list_of(homeless) +
               (faked ? ". From 1 MiB on Linux does not believe SRAT: all RAM is node 0's."
                      : ". They go to a neighbour's node."),
       .advice = "Update the firmware. Memory that was added while it ran (CXL, a hypervisor's "
                 "balloon) can be the cause, too.",
       .note = !faked,
       .bytes = bytes_of(homeless),
       .where = homeless});
}

// What SRAT promises a node, and the map does not have. Holes for devices below 4 GiB are usually
// left out of SRAT, too; where they are not they are no loss.
void find_missing(const Replayed& replayed, std::vector<Finding>& findings) {
  if (replayed.relay().numa().faked) return;
  for (NodeId node = 0; node < mm::kMaxNodes; ++node) {
    if (!replayed.machine().named.has(node)) continue;
    std::vector<Range> missing;
    uint64_t promised = 0;
    for (const MemoryAffinity& entry : replayed.machine().srat) {
      if (entry.node != node || entry.hotplug || entry.nonvolatile || entry.range.empty()) continue;
      promised += entry.range.size();
      subtract_ram(entry.range.clip({mm::Phys{4 * mm::kGiB}, mm::Phys{mm::kMaxPhys}}),
                   replayed.relay().e820(), missing);
    }
    join(missing);
    const uint64_t bytes = bytes_of(missing);
    if (bytes < 256 * mm::kMiB || bytes * 16 < promised) continue;
    findings.push_back({.name = "node-incomplete",
                        .text = "Node " + said("{}", node) + " lacks " + size_words(bytes) +
                                " of the " + size_words(promised) +
                                " that SRAT gives it: " + list_of(missing) + " are no usable RAM.",
                        .advice = "Other findings may say who took it (MTRRs, an option, soft "
                                  "reserved). Otherwise look for a module that was left out, in "
                                  "the firmware's own log and by dmidecode --type 17.",
                        .bytes = bytes,
                        .where = missing});
  }
}

void find_empty_nodes(const Replayed& replayed, std::vector<Finding>& findings) {
  if (replayed.relay().numa().faked) return;
  std::string which;
  unsigned count = 0;
  for (const NodeLayout& node : replayed.relay().layout().nodes) {
    if (node.present != 0 || !replayed.machine().named.has(node.id)) continue;
    which += (count++ == 0 ? "" : ", ") + said("{}", node.id);
  }
  if (count == 0) return;
  findings.push_back({.name = "node-without-memory",
                      .text = (count == 1 ? "Node " : "Nodes ") + which +
                              (count == 1 ? " has" : " have") + " no memory.",
                      .advice = "If the node has CPUs of its own, put modules into its slots: all "
                                "its memory is remote now.",
                      .note = true,
                      .bytes = 0,
                      .where = {}});
}

// A border between nodes within a unit that Linux wants whole.
void find_unaligned(const Replayed& replayed, std::vector<Finding>& findings) {
  std::vector<Range> where;
  const auto active = replayed.relay().layout().active;
  for (size_t i = 1; i < active.size(); ++i) {
    const ActiveRange& one = active[i - 1];
    const ActiveRange& next = active[i];
    const mm::Pfn section = mm::align_down(next.pfns.start, mm::kPagesPerSection);
    if (one.node != next.node && one.pfns.end > section) {
      where.push_back(phys(mm::PfnRange{section, section + mm::kPagesPerSection}));
    }
  }
  join(where);
  if (where.empty()) return;
  findings.push_back({.name = "node-border-unaligned",
                      .text = "Two nodes share a section of 128 MiB: " + list_of(where) + ".",
                      .advice = "Memory hot-plug cannot take such a section out. A firmware that "
                                "interleaves or rounds differently avoids it.",
                      .note = true,
                      .where = where});
}

void find_interleaved(const Replayed& replayed, std::vector<Finding>& findings) {
  std::vector<Range> where;
  std::string who;
  const auto nodes = replayed.relay().layout().nodes;
  const NodeLayout* longest = nullptr;
  std::vector<const NodeLayout*> sorted;
  for (const NodeLayout& node : nodes) {
    if (node.present != 0) sorted.push_back(&node);
  }
  std::sort(sorted.begin(), sorted.end(), [](const NodeLayout* a, const NodeLayout* b) {
    return a->spanned.start < b->spanned.start;
  });
  for (const NodeLayout* node : sorted) {
    if (longest != nullptr && longest->spanned.end > node->spanned.start) {
      where.push_back(phys(longest->spanned.clip(node->spanned)));
      if (who.empty()) who = said("{} and {}", longest->id, node->id);
    }
    if (longest == nullptr || node->spanned.end > longest->spanned.end) longest = node;
  }
  join(where);
  if (where.empty()) return;
  findings.push_back({.name = "nodes-interleaved",
                      .text = "Nodes lie within each other (" + who + "): " + list_of(where) + ".",
                      .advice = "Linux copes; spans are longer than what is present in them. "
                                "\"Node interleaving\" in the firmware's setup may be half on.",
                      .note = true,
                      .where = where});
}

// What UEFI calls more reliable: mirrored by the memory controller.
void find_mirrored(const Replayed& replayed, std::vector<Finding>& findings) {
  std::vector<Range> where = replayed.machine().mirrored;
  join(where);
  if (where.empty()) return;
  findings.push_back(
      {.name = "mirrored",
       .text = size_words(bytes_of(where)) +
               " are mirrored: the firmware keeps two copies of them: " + list_of(where) + ".",
       .advice = "kernelcore=mirror keeps the kernel's own data in them; without it "
                 "they are used like all other RAM.",
       .note = true,
       .bytes = bytes_of(where),
       .where = where});
}

// CXL's windows in which there is no RAM, and nothing that is kept for a purpose either.
void find_windows(const Replayed& replayed, std::vector<Finding>& findings) {
  std::vector<Range> empty;
  for (const Range& window : replayed.machine().windows) {
    const auto entries = replayed.first_e820().entries();
    const bool used = std::any_of(entries.begin(), entries.end(), [&](const E820Entry& entry) {
      return entry.range.overlaps(window) &&
             (entry.type == E820Type::Ram || entry.type == E820Type::SoftReserved ||
              entry.type == E820Type::Pmem);
    });
    if (!used) empty.push_back(window);
  }
  join(empty);
  if (empty.empty()) return;
  findings.push_back({.name = "cxl-window-empty",
                      .text = "CXL's windows (CEDT) have " + size_words(bytes_of(empty)) +
                              " that are given to nobody: " + list_of(empty) + ".",
                      .advice = "cxl list shows what is plugged in, cxl create-region gives it a "
                                "place in a window. A window without a device is room for one.",
                      .note = true,
                      .bytes = bytes_of(empty),
                      .where = empty});
}

// Frames without RAM that have a struct page, as their section has RAM.
void find_holes(const Replayed& replayed, std::vector<Finding>& findings) {
  uint64_t frames = 0;
  const mm::Layout& layout = replayed.relay().layout();
  mm::for_each_unavailable(layout.active, layout.nodes,
                           [&](NodeId, mm::ZoneType, uint64_t count) { frames += count; });
  if (frames == 0) return;
  findings.push_back({.name = "section-holes",
                      .text = size_words(frames * mm::kPageSize) +
                              " of address space have no RAM and a struct page each, as their "
                              "sections of 128 MiB have RAM: " +
                              size_words(frames * 64) + " of Linux's memory.",
                      .advice = "Nothing needs to be done.",
                      .note = true,
                      .bytes = 0,
                      .where = {}});
}

}  // namespace

void find_in_nodes(const Replayed& replayed, std::vector<Finding>& findings) {
  find_two_nodes(replayed, findings);
  find_homeless(replayed, findings);
  find_missing(replayed, findings);
  find_empty_nodes(replayed, findings);
  find_unaligned(replayed, findings);
  find_interleaved(replayed, findings);
  find_holes(replayed, findings);
  find_mirrored(replayed, findings);
  find_windows(replayed, findings);
}

}  // namespace replay

#include "mm/bootmem.h"

#include <algorithm>

#include "mm/numa.h"

namespace mm {
namespace {

constexpr uint64_t kWordBits = 64;
constexpr uint64_t kGroupWords = NodeBootmem::kGroup / kWordBits;
constexpr uint64_t kAll = ~uint64_t{0};
constexpr uint64_t kEveryByte = 0x0101'0101'0101'0101;
constexpr uint64_t kStatesAtOnce = 8;  // group states are looked at a word of them at a time

// Bits [from, to) of a word; 0 <= from < to <= 64.
constexpr uint64_t mask(uint64_t from, uint64_t to) {
  return (kAll << from) & (kAll >> (kWordBits - to));
}

PfnRange aligned_to_groups(PfnRange frames) {
  return {align_down(frames.start, NodeBootmem::kGroup), align_up(frames.end, NodeBootmem::kGroup)};
}

uint64_t state_bytes(uint64_t groups) { return align_up(groups, kStatesAtOnce); }

}  // namespace

uint64_t NodeBootmem::bootmap_bytes(PfnRange frames) {
  const uint64_t groups = aligned_to_groups(frames).size() / kGroup;
  return align_up(state_bytes(groups) + groups * kGroupWords * sizeof(uint64_t), kPageSize);
}

Result<> NodeBootmem::init(NodeId node, PfnRange frames, std::span<std::byte> memory) {
  if (frames.empty()) return Error{"node has no frames (node {})", "bootmem", node};
  if (memory.size() < bootmap_bytes(frames)) {
    return Error{"bitmap has too little room (bytes {}, needed {})", "bootmem", memory.size(),
                 bootmap_bytes(frames)};
  }
  node_ = node;
  frames_ = frames;
  base_ = aligned_to_groups(frames).start;
  groups_ = aligned_to_groups(frames).size() / kGroup;
  state_ = reinterpret_cast<Group*>(memory.data());
  bits_ = reinterpret_cast<uint64_t*>(memory.data() + state_bytes(groups_));
  fill_groups(0, state_bytes(groups_), Group::Taken);
  return {};
}

// States are written a word of them at a time where they are aligned to it.
void NodeBootmem::fill_groups(uint64_t group, uint64_t count, Group state) {
  const uint64_t end = group + count;
  const uint64_t pattern = static_cast<uint64_t>(state) * kEveryByte;
  for (; group < end && group % kStatesAtOnce != 0; ++group) state_[group] = state;
  for (; end - group >= kStatesAtOnce; group += kStatesAtOnce) {
    __builtin_memcpy(state_ + group, &pattern, sizeof(pattern));
  }
  for (; group < end; ++group) state_[group] = state;
}

// A group that was all one thing gets its bits written out.
void NodeBootmem::mix(uint64_t group) {
  if (state_[group] == Group::Mixed) return;
  std::fill_n(bits_ + group * kGroupWords, kGroupWords, state_[group] == Group::Taken ? kAll : 0);
  state_[group] = Group::Mixed;
}

// Bits [from, to), which lie in one group that is mixed.
void NodeBootmem::fill_words(uint64_t from, uint64_t to, bool taken) {
  while (from < to) {
    const uint64_t word = from / kWordBits;
    const uint64_t end = std::min(to, (word + 1) * kWordBits);
    const uint64_t bits = mask(from % kWordBits, end - word * kWordBits);
    bits_[word] = taken ? bits_[word] | bits : bits_[word] & ~bits;
    from = end;
  }
}

void NodeBootmem::fill(PfnRange range, bool taken) {
  range = range.clip(frames_);
  if (range.empty()) return;
  const Group whole = taken ? Group::Taken : Group::Free;
  uint64_t from = range.start - base_;
  const uint64_t to = range.end - base_;
  while (from < to) {
    const uint64_t group = from / kGroup;
    if (from % kGroup == 0 && to - from >= kGroup) {
      const uint64_t groups = (to - from) / kGroup;
      fill_groups(group, groups, whole);
      from += groups * kGroup;
      continue;
    }
    const uint64_t end = std::min(to, (group + 1) * kGroup);
    if (state_[group] != whole) {
      mix(group);
      fill_words(from, end, taken);
    }
    from = end;
  }
}

// First group in [group, end) that is not `like`; `end` when all are.
uint64_t NodeBootmem::skip_groups(uint64_t group, uint64_t end, Group like) const {
  const uint64_t pattern = static_cast<uint64_t>(like) * kEveryByte;
  while (group < end) {
    if (group % kStatesAtOnce == 0 && end - group >= kStatesAtOnce) {
      uint64_t states = 0;
      __builtin_memcpy(&states, state_ + group, sizeof(states));
      if (states == pattern) {
        group += kStatesAtOnce;
        continue;
      }
    }
    if (state_[group] != like) return group;
    ++group;
  }
  return end;
}

// First bit in [from, to) that is as asked; `to` when none is.
uint64_t NodeBootmem::next(uint64_t from, uint64_t to, bool taken) const {
  const Group wanted = taken ? Group::Taken : Group::Free;
  const Group other = taken ? Group::Free : Group::Taken;
  const uint64_t end_group = (to + kGroup - 1) / kGroup;
  const uint64_t flip = taken ? 0 : kAll;
  while (from < to) {
    const uint64_t group = skip_groups(from / kGroup, end_group, other);
    if (group != from / kGroup) from = group * kGroup;
    if (from >= to) break;
    if (state_[group] == wanted) return from;
    const uint64_t end = std::min(to, (group + 1) * kGroup);
    while (from < end) {
      const uint64_t word = from / kWordBits;
      const uint64_t found = (bits_[word] ^ flip) & (kAll << from % kWordBits);
      if (found != 0) {
        const uint64_t bit = word * kWordBits + static_cast<uint64_t>(__builtin_ctzll(found));
        return std::min(bit, to);
      }
      from = (word + 1) * kWordBits;
    }
  }
  return to;
}

bool NodeBootmem::all_free(PfnRange range) const {
  if (!frames_.contains(range)) return false;
  return next(range.start - base_, range.end - base_, true) == range.end - base_;
}

bool NodeBootmem::all_taken(PfnRange range) const {
  if (!frames_.contains(range)) return false;
  return next(range.start - base_, range.end - base_, false) == range.end - base_;
}

PfnRange NodeBootmem::next_free(Pfn from, PfnRange bounds) const {
  bounds = bounds.clip(frames_);
  const Pfn first = std::max(from, bounds.start);
  if (first >= bounds.end) return {};
  const uint64_t end = bounds.end - base_;
  const uint64_t start = next(first - base_, end, false);
  if (start == end) return {};
  return {base_ + start, base_ + next(start, end, true)};
}

uint64_t NodeBootmem::count_free() const {
  uint64_t frames = 0;
  for (PfnRange run = next_free(frames_.start, frames_); !run.empty();
       run = next_free(run.end, frames_)) {
    frames += run.size();
  }
  return frames;
}

NodeBootmem* Bootmem::node_of(NodeId id) {
  for (NodeBootmem& node : nodes_) {
    if (node.node() == id) return &node;
  }
  return nullptr;
}

void Bootmem::free_active(std::span<const ActiveRange> active) {
  active_ = active;
  for (const ActiveRange& range : active) {
    if (NodeBootmem* node = node_of(range.node)) node->give(range.pfns);
  }
}

// A frame may be inside the spans of two nodes, in one of them as a hole, which is taken anyway.
void Bootmem::reserve(Range range) {
  for (NodeBootmem& node : nodes_) node.take(pfns_touched(range));
}

void Bootmem::free(Range range) {
  const PfnRange frames = pfns_inside(range);
  for (size_t i = first_active_ending_after(active_, frames.start);
       i < active_.size() && active_[i].pfns.start < frames.end; ++i) {
    if (NodeBootmem* node = node_of(active_[i].node)) node->give(active_[i].pfns.clip(frames));
  }
}

Result<> Bootmem::reserve_exclusive(Range range, const char* name) {
  const PfnRange frames = pfns_touched(range);
  for (NodeBootmem& node : nodes_) {
    if (!node.all_free(frames)) continue;
    node.take(frames);
    return {};
  }
  return Error{"frames are taken already or in no node (start {:#x}, end {:#x})", name,
               range.start.v, range.end.v};
}

void Bootmem::take_reservations(const EarlyRes& reservations, Range range, const Printer& out) {
  const size_t count = reservations.for_each_numbered([](size_t, const Reservation&) {});
  out.line("({}/{} early reservations) ==> bootmem [{:010x} - {:010x}]", count,
           reservations.capacity(), range.start, range.end);
  reservations.for_each_numbered([&](size_t number, const Reservation& r) {
    out.part("  #{} [{:010x} - {:010x}] {:>16}", number, r.range.start, r.range.end, r.name);
    const Range inside = r.range.clip(range);
    if (inside.empty()) {
      out.line("");
    } else {
      out.line(" ==> [{:010x} - {:010x}]", inside.start, inside.end);
    }
  });
  for (const Reservation& r : reservations.entries()) {
    const Range inside = r.range.clip(range);
    if (!inside.empty()) reserve(inside);
  }
}

Phys Bootmem::alloc_in(NodeBootmem& node, const Want& want) {
  const uint64_t frames = align_up(want.size, kPageSize) / kPageSize;
  const uint64_t align = std::max(want.align, kPageSize) / kPageSize;
  const Pfn limit = pfn_down(want.limit);
  for (const Pfn goal : {pfn_up(want.goal), Pfn{1}}) {  // address 0 would mean "none"
    const PfnRange bounds = PfnRange{std::max(goal, Pfn{1}), limit}.clip(node.frames());
    if (bounds.empty()) continue;
    for (PfnRange run = node.next_free(bounds.start, bounds); !run.empty();
         run = node.next_free(run.end, bounds)) {
      const Pfn start = align_up(run.start, align);
      if (start >= run.end || run.end - start < frames) continue;
      node.take({start, start + frames});
      return phys(start);
    }
  }
  return {};
}

Result<Phys> Bootmem::alloc(const Want& want) {
  if (want.size == 0) return Error{"nothing is asked for", "bootmem"};
  if (want.size > kMaxPhys || (want.align & (want.align - 1)) != 0) {
    return Error{"size is too large or alignment no power of two (size {}, align {})", "bootmem",
                 want.size, want.align};
  }
  if (want.node != kNoNode) {
    NodeBootmem* node = node_of(want.node);
    const Phys place = node != nullptr ? alloc_in(*node, want) : Phys{};
    if (place != Phys{}) return place;
  }
  if (!want.this_node_only) {
    for (NodeBootmem& node : nodes_) {
      if (node.node() == want.node) continue;
      const Phys place = alloc_in(node, want);
      if (place != Phys{}) return place;
    }
  }
  return Error{"no room (bytes {}, below {:#x})", "bootmem", want.size, want.limit.v};
}

namespace {

Result<Phys> find_bootmap(const NodeLayout& node, uint64_t bytes,
                          std::span<const ActiveRange> active, const E820Table& e820,
                          const EarlyRes& reservations, const Printer& out, Pfn max_low) {
  const Range anywhere{Phys{0}, phys(max_low)};
  for (const ActiveRange& range : active) {
    const Range inside = phys(range.pfns).clip(anywhere);
    if (range.node != node.id || inside.size() < bytes) continue;
    const auto place = find_e820_area(e820, reservations, inside, bytes, kPageSize);
    if (place.ok()) return place;
  }
  const auto place = find_e820_area(e820, reservations, anywhere, bytes, kPageSize);
  if (place.ok()) return place;
  out.line("Cannot find bootmem map of size {}", bytes);  // Linux's panic
  return Error{"Cannot find bootmem map of size (bytes {}, node {})", "BOOTMAP", bytes, node.id};
}

}  // namespace

Result<size_t> init_bootmem(std::span<const NodeLayout> layouts, std::span<NodeBootmem> nodes,
                            std::span<const ActiveRange> active, const E820Table& e820,
                            EarlyRes& reservations, const DirectMap& map, const Printer& out,
                            Pfn max_low) {
  size_t count = 0;
  for (const NodeLayout& layout : layouts) {
    const PfnRange frames{layout.spanned.start, std::min(layout.spanned.end, max_low)};
    if (frames.empty()) continue;
    if (count == nodes.size()) {
      return Error{"more nodes with RAM than room (room {})", "bootmem", nodes.size()};
    }
    const uint64_t bytes = NodeBootmem::bootmap_bytes(frames);
    const Phys place =
        BATON_TRY(find_bootmap(layout, bytes, active, e820, reservations, out, max_low));
    BATON_TRY(reservations.reserve({place, place + bytes}, "BOOTMAP"));
    BATON_TRY(nodes[count].init(layout.id, frames, map.span<std::byte>(place, bytes)));
    out.line("  bootmap [{:016x} -  {:016x}] pages {:x}", place, place.v + bytes - 1,
             bytes / kPageSize);
    ++count;
  }
  return count;
}

}  // namespace mm

#include "mm/ledger.h"

#include <algorithm>

#include "mm/numa.h"

namespace mm {
namespace {

// The first thing that is wrong is what is reported; the rest may follow from it.
class Verdict {
 public:
  // `what` ends in "{} expected, {} found".
  void must_equal(ErrorText what, const char* subject, uint64_t expected, uint64_t found,
                  const Printer& out) {
    if (expected != found) fail({what, subject, expected, found}, out);
  }
  void fail(const Error& error, const Printer& out) {
    out.error("Ledger", error);
    if (result_.ok()) result_ = error;
  }
  [[nodiscard]] const Result<>& result() const { return result_; }

 private:
  Result<> result_;
};

void item(const Printer& out, const char* name, uint64_t bytes) {
  out.line("Ledger:   {:24} {:20}", name, bytes);
}

// Calls reserved(PfnRange) for each maximal run of frames in `range` that reservations touch, and
// open(PfnRange) for each run between them, in ascending order.
template <class Reserved, class Open>
void divide(std::span<const Reservation> reservations, PfnRange range, Reserved reserved,
            Open open) {
  PfnRange run{range.start, range.start};
  const auto visit = [&](Pfn done) {
    if (done < run.start) open(PfnRange{done, run.start});
    if (!run.empty()) reserved(run);
  };
  Pfn done = range.start;
  for (const Reservation& reservation : reservations_within(reservations, phys(range))) {
    const PfnRange touched = pfns_touched(reservation.range).clip(range);
    if (touched.empty()) continue;
    if (touched.start <= run.end) {
      run.end = std::max(run.end, touched.end);
      continue;
    }
    visit(done);
    done = run.end;
    run = touched;
  }
  visit(done);
  if (run.end < range.end) open(PfnRange{run.end, range.end});
}

class Ledger {
 public:
  Ledger(const LedgerInput& input, const Printer& out) : in_(input), out_(out) {}

  Result<> close() {
    address_space();
    firmware_ram();
    const uint64_t usable = in_.e820->total(E820Type::Ram);
    const uint64_t all = in_.firmware.usable + in_.added;
    uint64_t trimmed = 0;
    for (const NamedBytes& trim : in_.trims) {
      item(out_, trim.name, trim.bytes);
      trimmed += trim.bytes;
    }
    verdict_.must_equal(
        "the firmware's usable memory is not what is left and what was trimmed: {} expected, {} "
        "found",
        "e820", all, usable + trimmed, out_);
    accounted_ = trimmed;
    edges(usable);
    reservations();
    zones();
    pages();
    verdict_.must_equal("usable bytes are not the sum of what is named: {} expected, {} found",
                        "e820", all, accounted_, out_);
    if (verdict_.result().ok()) out_.line("Ledger: closed, 0 bytes unaccounted for");
    return verdict_.result();
  }

 private:
  void address_space() {
    const std::span<const E820Entry> entries = in_.e820->entries();
    // Entries may lie beyond what the CPU can address.
    const Phys last = entries.empty() ? Phys{} : entries.back().range.end;
    const Phys end = std::max(in_.end, last);
    out_.line("Ledger: address space                  {:20} bytes", end.v);
    uint64_t gaps = 0;
    uint64_t described = 0;
    Phys at;
    for (size_t i = 0; i < entries.size(); ++i) {
      const E820Entry& entry = entries[i];
      if (entry.range.empty() || entry.range.start < at) {
        verdict_.fail({"entries overlap or are not sorted (start {:#x}, end before {:#x})", "e820",
                       entry.range.start.v, at.v},
                      out_);
      }
      gaps += entry.range.start - at;
      at = entry.range.end;
      const auto same = [&](const E820Entry& other) { return other.type == entry.type; };
      if (std::any_of(entries.begin(), entries.begin() + static_cast<ptrdiff_t>(i), same)) continue;
      const uint64_t bytes = in_.e820->total(entry.type);
      described += bytes;
      if (const char* name = e820_type_name(entry.type)) {
        item(out_, name, bytes);
      } else {
        out_.line("Ledger:   type {:<19} {:20}", static_cast<unsigned>(entry.type), bytes);
      }
    }
    if (end > at) gaps += end - at;
    item(out_, "gaps", gaps);
    verdict_.must_equal("address space is not its types and gaps: {} expected, {} found", "e820",
                        end.v, described + gaps, out_);
  }

  // From the firmware's own list to e820.
  void firmware_ram() {
    const FirmwareRam& ram = in_.firmware;
    out_.line("Ledger: RAM in the firmware's map      {:20} bytes", ram.claimed);
    if (ram.unbelievable != 0) {
      out_.line("Ledger:   not in it: {} ranges that cannot be", ram.unbelievable);
    }
    if (ram.twice != 0) item(out_, "said twice", ram.twice);
    if (ram.stricter != 0) item(out_, "of another type, too", ram.stricter);
    if (ram.lost != 0) {
      verdict_.fail(
          {"RAM of the firmware's map is not usable, and nobody says why (start {:#x}, end {:#x})",
           "e820", ram.first_lost.start.v, ram.first_lost.end.v},
          out_);
    }
    if (ram.invented != 0) {
      verdict_.fail({"usable memory is no RAM in the firmware's map (start {:#x}, end {:#x})",
                     "e820", ram.first_invented.start.v, ram.first_invented.end.v},
                    out_);
    }
    out_.line("Ledger: usable in e820                 {:20} bytes", ram.usable);
    verdict_.must_equal(
        "RAM of the firmware's map is not what is usable and what is named: {} expected, {} found",
        "e820", ram.claimed + ram.invented, ram.twice + ram.stricter + ram.lost + ram.usable, out_);
    if (in_.added != 0) item(out_, "added by memmap=", in_.added);
  }

  // What of usable memory cannot be a frame, and what is RAM although nobody says so.
  void edges(uint64_t usable) {
    uint64_t whole = 0;
    for (const E820Entry& entry : in_.e820->entries()) {
      if (entry.type == E820Type::Ram) whole += pfns_inside(entry.range).size();
    }
    uint64_t present = 0;
    for (const ActiveRange& range : in_.active) {
      present += range.pfns.size();
      if (!in_.e820->all(phys(range.pfns), E820Type::Ram)) {
        verdict_.fail({"active range is not all usable (start {:#x}, end {:#x})", "nodes",
                       phys(range.pfns.start).v, phys(range.pfns.end).v},
                      out_);
      }
    }
    item(out_, "sub-page edges", usable - whole * kPageSize);
    accounted_ += usable - whole * kPageSize;
    if (present > whole) {
      verdict_.must_equal("more frames in nodes than e820 has: {} expected, {} found", "nodes",
                          whole, present, out_);
      return;
    }
    for (const E820Entry& entry : in_.e820->entries()) {
      if (entry.type == E820Type::Ram) not_in_nodes(pfns_inside(entry.range));
    }
    verdict_.must_equal("frames are in no node: {} expected, {} found", "nodes", whole,
                        present + split_ + in_none_ + lost_, out_);
    if (split_ != 0) item(out_, "split between nodes", split_ * kPageSize);
    if (in_none_ != 0) item(out_, "in no node", in_none_ * kPageSize);
    accounted_ += (split_ + in_none_) * kPageSize;
  }

  // Only a border in the middle of a frame makes it nobody's.
  void not_in_nodes(PfnRange frames) {
    for (Pfn at = frames.start; at < frames.end;) {
      const size_t i = first_active_ending_after(in_.active, at);
      Pfn end = frames.end;
      if (i < in_.active.size()) {
        const PfnRange& range = in_.active[i].pfns;
        if (range.start <= at) {
          at = range.end;
          continue;
        }
        end = std::min(end, range.start);
      }
      while (at < end && is_cut(at)) at += 1;
      if (at < end) {
        verdict_.fail({"frames are in no node, and no border cuts them (start {:#x}, end {:#x})",
                       "nodes", phys(at).v, phys(end).v},
                      out_);
        lost_ += end - at;
        at = end;
      }
    }
  }

  // Whether a border of SRAT's lies inside the frame, which is then counted and named.
  bool is_cut(Pfn frame) {
    const Range bytes = phys(PfnRange{frame, frame + 1});
    bool cut = false;
    NodeId node = kNoNode;
    bool several = false;
    for (const MemoryAffinity& block : in_.srat) {
      if (block.range.empty() || !block.range.overlaps(bytes)) continue;
      if (!block.range.contains(bytes)) cut = true;
      if (node != kNoNode && node != block.node) several = true;
      node = block.node;
    }
    if (!cut) return false;
    ++(several ? split_ : in_none_);
    out_.line("Ledger: {:08x} is {}", mem(bytes), several ? "split between nodes" : "in no node");
    return true;
  }

  void reservations() {
    uint64_t named = 0;
    for (size_t i = 0; i < in_.reservations.size(); ++i) {
      const Reservation& r = in_.reservations[i];
      if (i > 0 && r.range.start < in_.reservations[i - 1].range.end) {
        verdict_.fail(
            {"reservations overlap (start {:#x}, end before {:#x})", r.name, r.range.start.v,
             in_.reservations[i - 1].range.end.v, in_.reservations[i - 1].name},
            out_);
      }
      const auto same = [&](const Reservation& other) { return has_name(other, text_of(r.name)); };
      const auto first = in_.reservations.begin();
      if (std::any_of(first, first + static_cast<ptrdiff_t>(i), same)) continue;
      uint64_t bytes = 0;
      for (size_t j = i; j < in_.reservations.size(); ++j) {
        if (same(in_.reservations[j])) bytes += bytes_in_ram(in_.reservations[j].range);
      }
      if (bytes != 0) item(out_, r.name, bytes);
      named += bytes;
    }
    uint64_t frames = 0;
    for (const ActiveRange& range : in_.active) {
      divide(
          in_.reservations, range.pfns, [&](PfnRange run) { frames += run.size(); },
          [](PfnRange) {});
    }
    if (frames * kPageSize != named) {
      item(out_, "rest of reserved frames", frames * kPageSize - named);
    }
    accounted_ += frames * kPageSize;
  }

  [[nodiscard]] uint64_t bytes_in_ram(Range range) const {
    uint64_t bytes = 0;
    for (size_t i = first_active_ending_after(in_.active, pfn_down(range.start));
         i < in_.active.size() && phys(in_.active[i].pfns.start) < range.end; ++i) {
      bytes += phys(in_.active[i].pfns).clip(range).size();
    }
    return bytes;
  }

  // Each zone's frames are reserved and in no block, or in one block; and the counters know of it.
  void zones() {
    for (const NodeLayout& node : in_.nodes) {
      for (const ZoneType type : kAllZones) check_zone(node, type);
    }
  }

  void check_zone(const NodeLayout& node, ZoneType type) {
    const char* const name = zone_name(type);
    const Result<> before = verdict_.result();
    uint64_t present = 0;
    uint64_t reserved = 0;
    BlockFrames blocks;
    for_each_part(node, type, [&](PfnRange part) {
      present += part.size();
      divide(
          in_.reservations, part,
          [&](PfnRange run) {
            reserved += run.size();
            check_reserved(node.id, run);
          },
          [&](PfnRange run) {
            const Result<> counted =
                in_.books.count_blocks(in_.books.context, node.id, type, run, blocks);
            if (!counted.ok()) verdict_.fail(counted.error(), out_);
          });
    });
    const ZoneUse use = in_.books.counters(in_.books.context, node.id, type);
    verdict_.must_equal("present frames of the zone are not its RAM: {} expected, {} found", name,
                        present, node.zones[type].present, out_);
    verdict_.must_equal("managed frames are not what no reservation holds: {} expected, {} found",
                        name, present - reserved, use.managed, out_);
    verdict_.must_equal(
        "managed frames are not free, on CPU lists or allocated: {} expected, {} found", name,
        use.managed, blocks.all(), out_);
    verdict_.must_equal(
        "frames of free blocks are not as many as the zone counts: {} expected, {} found", name,
        blocks.free, use.free, out_);
    verdict_.must_equal(
        "frames on CPU lists are not as many as the CPUs count: {} expected, {} found", name,
        blocks.on_cpu_lists, use.on_cpu_lists, out_);
    free_ += blocks.free;
    on_cpu_lists_ += blocks.on_cpu_lists;
    allocated_ += blocks.allocated;
    if (before.ok() && !verdict_.result().ok())
      out_.line("Ledger: in zone {} of node {}", name, node.id);
  }

  // Calls visit(PfnRange) for the RAM of a zone; ranges that touch are one.
  template <class Visit>
  void for_each_part(const NodeLayout& node, ZoneType type, Visit visit) {
    PfnRange part;
    for (const ActiveRange& range : active_within(in_.active, node.spanned)) {
      if (range.node != node.id) continue;
      const PfnRange next = frames_of_zone(node, type, range);
      if (next.empty()) continue;
      if (!part.empty() && next.start == part.end) {
        part.end = next.end;
        continue;
      }
      if (!part.empty()) visit(part);
      part = next;
    }
    if (!part.empty()) visit(part);
  }

  void check_reserved(NodeId node, PfnRange run) {
    const Pfn taken = in_.books.first_in_block(in_.books.context, node, run);
    if (taken >= run.end) return;
    const Range frame = phys(PfnRange{taken, taken + 1});
    for (const Reservation& reservation : in_.reservations) {
      if (!reservation.range.overlaps(frame)) continue;
      verdict_.fail({"a reserved frame is in a free or allocated block (address {:#x})",
                     reservation.name, frame.start.v},
                    out_);
      return;
    }
  }

  void pages() {
    item(out_, "free in buddy", free_ * kPageSize);
    item(out_, "on per-CPU lists", on_cpu_lists_ * kPageSize);
    item(out_, "allocated", allocated_ * kPageSize);
    accounted_ += (free_ + on_cpu_lists_ + allocated_) * kPageSize;
  }

  const LedgerInput& in_;
  const Printer& out_;
  Verdict verdict_;
  uint64_t split_ = 0;  // frames
  uint64_t in_none_ = 0;
  uint64_t lost_ = 0;
  uint64_t free_ = 0;
  uint64_t on_cpu_lists_ = 0;
  uint64_t allocated_ = 0;
  uint64_t accounted_ = 0;  // bytes of the firmware's usable memory that have a name so far
};

}  // namespace

Result<> close_ledger(const LedgerInput& input, const Printer& out) {
  return Ledger(input, out).close();
}

}  // namespace mm

// Machines that no one has built: a seed makes a firmware's map, an SRAT and what is already in
// use.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "mm/e820.h"
#include "mm/early_res.h"
#include "mm/numa.h"
#include "mm/print.h"
#include "mm/zones.h"
#include "tests/property/kinds.h"
#include "tests/support/drawn_machine.h"

namespace test {

struct RandomMachine {
  uint64_t seed;
  Kind kind;
  std::vector<mm::E820Entry> e820;  // in the firmware's order, overlapping
  std::vector<mm::MemoryAffinity> srat;
  mm::NodeSet named;
  std::vector<mm::Reservation> reservations;  // sorted, disjoint
  unsigned cpus = 1;
  mm::MovableOptions movable;
  std::vector<mm::Range> mirrored;  // when movable.mirror

  explicit RandomMachine(uint64_t number, Kind of = pc_of_64_bits(0))
      : seed(number), kind(std::move(of)), random_(number) {
    make_e820();
    if (!one_in(4)) make_srat();
    make_reservations();
    cpus = 1 + static_cast<unsigned>(below(4));
    if (one_in(3)) make_movable();
  }

  // Behind all that can be touched: of the last RAM, or of lowmem.
  [[nodiscard]] mm::Phys end_of_touched() const {
    return kind.end_of_low < Kind::kNoEnd ? kind.end_of_low : mm::Phys{kind.most + kind.most / 4};
  }

  [[nodiscard]] std::string draw() const {
    Log log;
    const mm::Printer out = log.printer();
    out.line("machine {}, {}", seed, kind.name);
    for (const mm::E820Entry& e : e820) {
      out.line("e820 [{} {}) type {}", e.range.start, e.range.end, static_cast<unsigned>(e.type));
    }
    for (const mm::MemoryAffinity& m : srat) {
      out.line("srat node {} [{} {}){}", m.node, m.range.start, m.range.end,
               m.hotplug ? " hotplug" : "");
    }
    for (const mm::Reservation& r : reservations) {
      out.line("reserved [{} {}) {}", r.range.start, r.range.end, r.name);
    }
    for (const mm::Range& range : mirrored) {
      out.line("mirrored [{} {})", range.start, range.end);
    }
    if (movable.movable_node) out.line("movable_node");
    if (movable.kernelcore.frames != 0) out.line("kernelcore={}", movable.kernelcore.frames << 12);
    if (movable.movablecore.percent != 0) out.line("movablecore={}%", movable.movablecore.percent);
    return log.take();
  }

 private:
  uint64_t below(uint64_t end) { return random_() % end; }
  bool one_in(uint64_t n) { return below(n) == 0; }

  // An address near `around`, aligned to something or to nothing.
  uint64_t address(uint64_t end) {
    constexpr unsigned kShifts[] = {0, 9, 12, 12, 12, 20, 21, 22, 27, 30};
    const unsigned shift = kShifts[below(std::size(kShifts))];
    return below(end) >> shift << shift;
  }

  // Counted from where RAM begins.
  [[nodiscard]] mm::Range at(uint64_t start, uint64_t end) const {
    return {kind.first + start, kind.first + end};
  }

  void add(uint64_t start, uint64_t end, mm::E820Type type) {
    if (start < end) e820.push_back({at(start, end), type});
  }

  void make_e820() {
    using mm::E820Type;
    constexpr E820Type kTypes[] = {E820Type::Ram,        E820Type::Ram,         E820Type::Ram,
                                   E820Type::Reserved,   E820Type::Acpi,        E820Type::Nvs,
                                   E820Type::Unusable,   E820Type::Pmem,        E820Type{20},
                                   E820Type::Unaccepted, E820Type::SoftReserved};
    constexpr uint64_t kSizes[] = {64 * mm::kMiB, 128 * mm::kMiB, 256 * mm::kMiB, mm::kGiB,
                                   3 * mm::kGiB,  8 * mm::kGiB,   64 * mm::kGiB};
    end_ = kSizes[below(std::size(kSizes))];
    if (one_in(3)) end_ += address(end_);
    while (end_ > kind.most) end_ /= 2;
    // Some RAM there must be: something to stand on at least.
    if (kind.bios) {
      add(0, one_in(2) ? 0xa0000 : 0x9f000 + below(0x1800), E820Type::Ram);
    }
    const uint64_t base = one_in(3) ? address(32 * mm::kMiB) + mm::kMiB : mm::kMiB;
    const uint64_t top = std::min<uint64_t>(end_, 3 * mm::kGiB);
    add(base, top, E820Type::Ram);
    if (end_ > 4 * mm::kGiB) add(4 * mm::kGiB, end_, E820Type::Ram);
    for (uint64_t i = below(14); i > 0; --i) {
      const uint64_t start = address(end_ + end_ / 8);
      const uint64_t size = one_in(3) ? below(mm::kMiB) : address(end_ / 16) + 1;
      add(start, start + size, kTypes[below(std::size(kTypes))]);
    }
    std::shuffle(e820.begin(), e820.end(), random_);
  }

  void make_srat() {
    const uint64_t count = 1 + below(5);
    std::vector<uint64_t> cuts{0, end_ + (one_in(2) ? 0 : mm::kGiB)};
    for (uint64_t i = count - 1 + below(4); i > 0; --i) {
      cuts.push_back(one_in(8) ? address(end_) : address(end_) >> 12 << 12);
    }
    std::sort(cuts.begin(), cuts.end());
    for (size_t i = 1; i < cuts.size(); ++i) {
      if (one_in(40)) continue;  // RAM in no node
      mm::MemoryAffinity m;
      m.node = static_cast<mm::NodeId>(below(count));
      m.range = at(cuts[i - 1], cuts[i]);
      if (one_in(60)) m.range.end += address(mm::kGiB);  // overlaps what follows
      if (one_in(30)) m.range.start = m.range.end + 5;   // wrong way round
      m.hotplug = one_in(4) && (m.range.start.v | m.range.end.v) % mm::kPageSize == 0;
      named.set(m.node);
      srat.push_back(m);
      if (one_in(20)) srat.push_back(m);
    }
    if (one_in(4)) named.set(static_cast<mm::NodeId>(count));  // CPUs only
    std::shuffle(srat.begin(), srat.end(), random_);
  }

  void make_reservations() {
    constexpr const char* kNames[] = {"TEXT DATA BSS", "RAMDISK",    "PGTABLE",
                                      "HANDOFF",       "EFI MEMMAP", "LOADER"};
    std::vector<mm::Reservation> storage(64);
    mm::EarlyRes list(storage);
    for (uint64_t i = below(25); i > 0; --i) {
      const uint64_t start = address(end_);
      const uint64_t size = 1 + (one_in(3)   ? below(64)
                                 : one_in(4) ? address(16 * mm::kMiB)
                                             : below(0x9000));
      // One that overlaps another is refused, and so is not made.
      (void)list.reserve(at(start, start + size), kNames[below(std::size(kNames))]);
    }
    reservations.assign(list.entries().begin(), list.entries().end());
  }

  void make_movable() {
    switch (below(4)) {
      case 0:
        movable.movable_node = true;
        break;
      case 1:
        movable.kernelcore.frames = below(end_ / mm::kPageSize);
        break;
      case 2:
        movable.movablecore.percent = 1 + static_cast<unsigned>(below(100));
        break;
      default:
        movable.mirror = true;
        for (uint64_t i = below(6); i > 0; --i) {
          const uint64_t start = address(end_);
          const uint64_t size = 1 + (one_in(2) ? address(end_ / 8) : below(16 * mm::kMiB));
          mirrored.push_back(at(start, start + size));
        }
    }
  }

  std::mt19937_64 random_;
  uint64_t end_ = 0;
};

}  // namespace test

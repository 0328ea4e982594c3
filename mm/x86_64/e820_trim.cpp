#include "mm/x86_64/e820_trim.h"

namespace mm {
namespace {

constexpr Range kFirstPage{Phys{0}, Phys{kPageSize}};
constexpr Range kHole{Phys{0xa0000}, Phys{0x100000}};

Result<uint64_t> remove_ram(E820Table& e820, Range range, const Printer& out) {
  out.line("e820: remove {:08x} usable", mem(range));
  return e820.remove(range, E820Type::Ram);
}

}  // namespace

Result<Trims> trim_bios_range(E820Table& e820, Pfn max_arch, const Printer& out) {
  Trims trims;
  out.line("e820: update {:08x} usable ==> reserved", mem(kFirstPage));
  const uint64_t first = BATON_TRY(e820.update(kFirstPage, E820Type::Ram, E820Type::Reserved));
  BATON_TRY(trims.add(kPageZero, first));
  const uint64_t hole = BATON_TRY(remove_ram(e820, kHole, out));
  BATON_TRY(trims.add(kBiosHole, hole));
  if (e820.last_pfn() > max_arch) {
    const Range beyond{phys(max_arch), Phys{kMaxPhys}};
    const uint64_t unreachable = BATON_TRY(remove_ram(e820, beyond, out));
    BATON_TRY(trims.add(kUnreachable, unreachable));
  }
  return trims;
}

namespace {

// Less than that is no machine to run on: MTRRs that say so were never set up (as under U-Boot,
// where Linux 6.1 takes all RAM away and then panics).
constexpr uint64_t kLeastCached = 32 * kMiB;

uint64_t ram_within(const E820Table& e820, std::span<const PfnRange> runs) {
  uint64_t bytes = 0;
  for (const E820Entry& entry : e820.entries()) {
    if (entry.type != E820Type::Ram) continue;
    for (const PfnRange& run : runs) bytes += entry.range.clip(phys(run)).size();
  }
  return bytes;
}

}  // namespace

Result<> trim_uncached(E820Table& e820, std::span<const PfnRange> uncovered, Trims& trims,
                       const Printer& out) {
  const uint64_t cached = e820.total(E820Type::Ram) - ram_within(e820, uncovered);
  if (cached < kLeastCached && !uncovered.empty()) {
    out.line("CPU MTRRs leave {}K of RAM write-back: they are not believed, no RAM is taken away.",
             cached / kKiB);
    return {};
  }
  const Pfn end_of_ram = e820.last_pfn();
  uint64_t taken = 0;
  for (PfnRange run : uncovered) {
    if (run.end == pfn_down(Phys{kMaxPhys})) run.end = end_of_ram;
    if (run.empty()) continue;
    const Range range = phys(run);
    out.line("e820: update {:08x} usable ==> reserved", mem(range));
    for (const E820Entry& entry : e820.entries()) {
      const Range lost = entry.range.clip(range);
      if (entry.type != E820Type::Ram || lost.empty() || !trims.first_uncached.empty()) continue;
      trims.first_uncached = lost;
    }
    taken += BATON_TRY(e820.update(range, E820Type::Ram, E820Type::Reserved));
  }
  if (taken == 0) return {};
  BATON_TRY(trims.add(kUncached, taken));
  out.line("WARNING: BIOS bug: CPU MTRRs don't cover all of memory, losing {}MB of RAM.",
           taken / kMiB);
  out.line("update e820 for mtrr");
  out.line("modified physical RAM map:");
  e820.print(out, "modified");
  return {};
}

Pfn print_last_pfn(const E820Table& e820, Pfn max_arch, const Printer& out) {
  const Pfn last = e820.last_pfn();
  out.line("last_pfn = {} max_arch_pfn = {}", last, max_arch);
  return last;
}

void print_last_low_pfn(const E820Table& e820, Pfn max_arch, const Printer& out) {
  constexpr Pfn kFourGiB{4 * kGiB / kPageSize};
  if (e820.last_pfn() <= kFourGiB) return;
  out.line("last_pfn = {} max_arch_pfn = {}", e820.last_pfn(kFourGiB), max_arch);
}

}  // namespace mm

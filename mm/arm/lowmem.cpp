#include "mm/arm/lowmem.h"

#include <algorithm>

#include "mm/unreachable.h"

namespace mm {

void early_vmalloc(Arm32Space& space, uint64_t reserve, const Printer& out) {
  constexpr uint64_t kLeast = 16 * kMiB;
  constexpr uint64_t kLowmemLeast = 32 * kMiB;
  if (reserve < kLeast) {
    reserve = kLeast;
    out.line("vmalloc area too small, limiting to {}MB", reserve / kMiB);
  }
  const uint64_t most = space.vmalloc_end - (space.page_offset + kLowmemLeast);
  if (reserve > most) {
    reserve = most;
    out.line("vmalloc area is too big, limiting to {}MB", reserve / kMiB);
  }
  space.vmalloc_reserve = reserve;
  space.vmalloc_offset = 0;
}

Platform arm_platform(Phys end_of_low) {
  Platform arm{.zones = {},
               .max_pfn = pfn_down(Phys{4 * kGiB}),
               .end_of_low = end_of_low,
               .trim = trim_unreachable};
  arm.zones.add(ZoneType::Normal, end_of_low);
  arm.zones.add(ZoneType::HighMem, ZoneLimits::kEndOfRam);
  arm.zones.add(ZoneType::Movable, ZoneLimits::kEndOfRam);
  return arm;
}

// --- Which RAM is lowmem -------------------------------------------------------------------------

Result<size_t> sanity_check_meminfo(std::span<Bank> banks, size_t count, const Arm32Space& space,
                                    const Printer& out) {
  if (count > banks.size()) {
    return Error{"more banks than room (banks {}, room {})", "meminfo", count, banks.size()};
  }
  for (size_t i = 1; i < count; ++i) {
    const Bank bank = banks[i];
    size_t to = i;
    for (; to > 0 && banks[to - 1].range.start > bank.range.start; --to) banks[to] = banks[to - 1];
    banks[to] = bank;
  }
  const Range low{space.phys_offset, space.lowmem_limit()};
  for (size_t i = 0; i < count; ++i) {
    const Range range = banks[i].range;
    if (range.empty())
      return Error{"bank is empty (start {:#x}, end {:#x})", "meminfo", range.start.v, range.end.v};
    if (i > 0 && range.start < banks[i - 1].range.end) {
      return Error{"banks overlap (start {:#x}, end before {:#x})", "meminfo", range.start.v,
                   banks[i - 1].range.end.v};
    }
    banks[i].highmem = !low.contains(range.start);
    const Phys border = range.start < low.start ? low.start : low.end;
    if (range.start < border && border < range.end) {
      if (count == banks.size()) {
        return Error{
            "no room for the part of a bank behind a border of lowmem (banks {}, border {:#x})",
            "meminfo", count, border.v};
      }
      for (size_t j = count; j > i; --j) banks[j] = banks[j - 1];
      banks[i].range.end = border;
      banks[i + 1].range.start = border;
      ++count;
    }
    if (range.start < low.start) {
      out.line("Ignoring RAM at {:08x}-{:08x} (below PHYS_OFFSET).", range.start,
               banks[i].range.end.v - 1);
    }
  }
  return count;
}

NodeId check_initrd(std::span<const Bank> banks, Range initrd) {
  for (const Bank& bank : banks) {
    if (bank.range.contains(initrd)) return bank.node;
  }
  return kNoNode;
}

BankLimits find_limits(std::span<const Bank> banks, NodeId node) {
  // Zones begin where lowmem does, the whole machine's: highmem that comes before is in none.
  Pfn first_low{~uint64_t{0}};
  for (const Bank& bank : banks) {
    if (!bank.highmem) first_low = std::min(first_low, pfn_up(bank.range.start));
  }
  BankLimits limits;
  bool first = true;
  for (const Bank& bank : banks) {
    const PfnRange frames = pfns_inside(bank.range);
    if (frames.empty() || (node != kNoNode && bank.node != node)) continue;
    if (bank.highmem && frames.start < first_low) continue;
    if (first) limits.min = frames.start;
    first = false;
    if (!bank.highmem) limits.max_low = frames.end;
    limits.max_high = frames.end;
  }
  return limits;
}

BankLimits find_limits(std::span<const MemblockRegion> memory, Phys lowmem_limit) {
  if (memory.empty()) return {};
  return {pfn_up(memory.front().range.start), pfn_down(lowmem_limit),
          pfn_down(memory.back().range.end)};
}

LowmemBounds adjust_lowmem_bounds(std::span<const MemblockRegion> memory, const Arm32Space& space) {
  const Phys limit = space.lowmem_limit();
  LowmemBounds bounds;
  for (const MemblockRegion& region : memory) {
    if (region.range.start >= limit || (region.flags & kMemblockNomap) != 0) continue;
    bounds.lowmem_limit = std::max(bounds.lowmem_limit, std::min(limit, region.range.end));
    if (bounds.memblock_limit != Phys{}) continue;
    if (region.range.start.v % kPmdSize != 0) {
      bounds.memblock_limit = region.range.start;
    } else if (region.range.end.v % kPmdSize != 0) {
      bounds.memblock_limit = bounds.lowmem_limit;
    }
  }
  if (bounds.memblock_limit == Phys{}) bounds.memblock_limit = bounds.lowmem_limit;
  bounds.memblock_limit = align_down(bounds.memblock_limit, kPmdSize);
  return bounds;
}

// --- How it is mapped ----------------------------------------------------------------------------

std::array<VirtualRange, 2> prepare_page_table(const Arm32Space& space, Range first_bank) {
  const Phys end = std::min(first_bank.end, space.lowmem_limit());
  return {VirtualRange{0, space.page_offset}, VirtualRange{space.virt(end), space.vmalloc_end}};
}

MappedArea map_memory_bank(const Arm32Space& space, Range bank) {
  return {bank, space.virt(bank.start), true};
}

size_t map_lowmem(const Arm32Space& space, Range region, Range kernel_executable,
                  std::array<MappedArea, 3>& areas) {
  const Range kernel{align_down(kernel_executable.start, kSectionSize),
                     align_up(kernel_executable.end, kSectionSize)};
  size_t count = 0;
  const auto add = [&](Range part, bool execute) {
    part = part.clip(region);
    if (!part.empty()) areas[count++] = {part, space.virt(part.start), execute};
  };
  if (region.end < kernel.start) {
    add(region, true);
    return count;
  }
  add({region.start, kernel.start}, false);
  add(kernel, true);
  add({std::max(region.start, kernel.end), region.end}, false);
  return count;
}

LowmemTables tables_for(const MappedArea& area) {
  LowmemTables tables;
  const uint64_t end = area.virt + area.physical.size();
  for (uint64_t at = area.virt; at < end;) {
    const uint64_t next = std::min(align_down(at, kPmdSize) + kPmdSize, end);
    const Phys physical = area.physical.start + (at - area.virt);
    if ((at | next | physical.v) % kSectionSize == 0) {
      tables.sections += (next - at) / kSectionSize;
    } else {
      ++tables.page_tables;
    }
    at = next;
  }
  return tables;
}

namespace {

// Areas in order of addresses, which are cut where permissions change.
class Permissions {
 public:
  Permissions(std::span<MappedArea> areas, size_t count) : areas_(areas), count_(count) {}

  // How many areas there would be with a border at each of these addresses.
  [[nodiscard]] size_t count_with(std::span<const Phys> borders) const {
    size_t cuts = 0;
    Phys before;
    for (const Phys border : borders) {
      cuts += border != before && find(border) < count_ ? 1 : 0;
      before = border;
    }
    return count_ + cuts;
  }
  void cut(Phys border) {
    const size_t i = find(border);
    if (i == count_) return;
    for (size_t j = count_; j > i; --j) areas_[j] = areas_[j - 1];
    ++count_;
    areas_[i].physical.end = border;
    areas_[i + 1].virt += border - areas_[i + 1].physical.start;
    areas_[i + 1].physical.start = border;
  }
  template <class Change>
  void change(Range range, Change change) {
    for (MappedArea& area : areas_.first(count_)) {
      if (range.contains(area.physical)) change(area);
    }
  }
  [[nodiscard]] size_t count() const { return count_; }

 private:
  // The area that has the address inside it; count_ when none has.
  [[nodiscard]] size_t find(Phys border) const {
    size_t i = 0;
    while (i < count_ && !(areas_[i].physical.start < border && border < areas_[i].physical.end)) {
      ++i;
    }
    return i;
  }

  std::span<MappedArea> areas_;
  size_t count_;
};

}  // namespace

Result<size_t> fix_kernmem_perms(const Arm32Space& space, std::span<MappedArea> areas, size_t count,
                                 const KernelParts& kernel) {
  const std::array<Phys, 4> borders{kernel.text, kernel.rodata, kernel.init, kernel.data};
  Phys before = space.phys_offset;
  for (const Phys border : borders) {
    if (space.virt(border) % kSectionSize != 0 || border < before) {
      return Error{
          "a part of the kernel does not begin on a section behind the one before (address {:#x}, "
          "before {:#x})",
          "fix_kernmem_perms", border.v, before.v};
    }
    before = border;
  }
  Permissions permissions(areas, count);
  if (permissions.count_with(borders) > areas.size()) {
    return Error{"no room for areas that are cut (areas {}, room {})", "fix_kernmem_perms",
                 permissions.count_with(borders), areas.size()};
  }
  for (const Phys border : borders) permissions.cut(border);
  const auto no_execute = [](MappedArea& area) { area.execute = false; };
  permissions.change({space.phys_offset, kernel.text}, no_execute);
  permissions.change({kernel.init, kernel.data}, no_execute);
  permissions.change({kernel.rodata, kernel.init}, no_execute);
  permissions.change({kernel.text, kernel.init}, [](MappedArea& area) { area.write = false; });
  return permissions.count();
}

MappedArea devicemaps_init(const Arm32Space& space, Phys vectors) {
  return {{vectors, vectors + kPageSize}, space.vectors().start, true, false};
}

Pkmap kmap_init(const Arm32Space& space, Phys table) { return {space.pkmap(), table}; }

// --- What is in use in low memory ----------------------------------------------------------------

namespace {

Result<> reserve_if_there(EarlyRes& reservations, Range range, const char* name) {
  if (range.empty()) return {};
  return reservations.reserve(range, name);
}

}  // namespace

Result<> reserve_node_zero(EarlyRes& reservations, const Arm32Space& space, Phys pgdir,
                           Range kernel) {
  BATON_TRY(reserve_if_there(reservations, kernel, "TEXT DATA BSS"));
  BATON_TRY(reserve_if_there(reservations, {pgdir, pgdir + kPgdirSize}, "PGDIR"));
  return reserve_if_there(reservations, {space.phys_offset, pgdir}, "BEFORE PGDIR");
}

}  // namespace mm

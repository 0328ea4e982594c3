#include "mm/arm/paging.h"

#include <algorithm>

namespace mm::arm {
namespace {

constexpr uint64_t kVmallocOffset = 8 * kMiB;
constexpr uint64_t kModulesSize = 16 * kMiB;  // below PAGE_OFFSET, pkmap's 2 MiB among them

// Clears all that is not kept.
void clear(Tables& tables, VirtualRange range, std::span<const VirtualRange> kept) {
  for (uint64_t at = align_up(range.start, kPmdSize); at + kPmdSize <= range.end; at += kPmdSize) {
    const bool stays = std::any_of(kept.begin(), kept.end(), [&](const VirtualRange& k) {
      return k.start < at + kPmdSize && at < k.end;
    });
    if (!stays) tables.clear({at, at + kPmdSize});
  }
}

template <class Visit>
Result<> for_each_area(Age age, const PagingPlan& plan, Visit visit) {
  for (const Bank& bank : plan.banks) {
    if (bank.highmem) continue;
    if (age == Age::Bootmem) {
      BATON_TRY(visit(map_memory_bank(plan.space, bank.range)));
      continue;
    }
    std::array<MappedArea, 3> areas;
    const size_t count = mm::map_lowmem(plan.space, bank.range, plan.kernel_executable, areas);
    for (size_t i = 0; i < count; ++i) BATON_TRY(visit(areas[i]));
  }
  return {};
}

uint64_t pmds_touched(uint64_t virt, uint64_t size) {
  return size == 0 ? 0 : (align_up(virt + size, kPmdSize) - align_down(virt, kPmdSize)) / kPmdSize;
}

}  // namespace

Arm32Space space_of(Age age, Phys phys_offset) {
  return age == Age::Memblock ? space_4_14(phys_offset) : space_2_6(phys_offset);
}

VirtualRange fixmap_of(Age age) { return age == Age::Memblock ? kFixmap : kOldFixmap; }

void say_memory_policy(Age age, const MemTypes& types, const Printer& out) {
  out.line("Memory policy: {}Data cache {}", age == Age::Memblock ? "" : "ECC disabled, ",
           types.cache_policy);
}

Result<size_t> find_banks(Age age, const Arm32Space& space, std::span<const E820Entry> e820,
                          std::span<Bank> room, const Printer& out) {
  size_t count = 0;
  const auto add = [&](Range range, bool highmem) -> Result<> {
    if (range.empty()) return {};
    if (count != 0 && room[count - 1].range.end == range.start &&
        room[count - 1].highmem == highmem) {
      room[count - 1].range.end = range.end;
      return {};
    }
    if (count == room.size()) {
      return Error{"no room for a bank (banks {}, start {:#x})", "meminfo", count, range.start.v};
    }
    room[count++] = {.range = range, .highmem = highmem};
    return {};
  };
  const Range low{space.phys_offset, space.lowmem_limit()};
  for (const E820Entry& entry : e820) {
    if (entry.type != E820Type::Ram) continue;
    const Range ram = phys(pfns_inside(entry.range));
    if (age == Age::Bootmem) {
      BATON_TRY(add(ram, false));
      continue;
    }
    const Range below = ram.clip({Phys{0}, low.start});
    if (!below.empty()) out.line("Ignoring memory range {} - {}", below.start, below.end);
    BATON_TRY(add(below, true));
    BATON_TRY(add(ram.clip(low), false));
    BATON_TRY(add(ram.clip({low.end, Phys{kMaxPhys}}), true));
  }
  return age == Age::Bootmem ? sanity_check_meminfo(room, count, space, out)
                             : Result<size_t>(count);
}

uint64_t high_memory(const PagingPlan& plan) {
  uint64_t end = plan.space.page_offset;
  for (const Bank& bank : plan.banks) {
    if (!bank.highmem) end = plan.space.virt(bank.range.end);
  }
  return end;
}

uint64_t vmalloc_start(const PagingPlan& plan) {
  return align_down(high_memory(plan) + kVmallocOffset, kVmallocOffset);
}

void prepare_page_table(Tables& tables, const PagingPlan& plan) {
  Range first{plan.space.phys_offset, plan.space.phys_offset};
  for (const Bank& bank : plan.banks) {
    if (!bank.highmem && first.empty()) first = bank.range;
  }
  for (const VirtualRange& range : mm::prepare_page_table(plan.space, first)) {
    clear(tables, range, plan.kept);
  }
}

Result<> map_lowmem(Tables& tables, const PagingPlan& plan, const MemTypes& types) {
  const Range low{plan.space.phys_offset, plan.space.lowmem_limit()};
  for (const Bank& bank : plan.banks) {
    if (bank.highmem || low.contains(bank.range)) continue;
    return Error{"bank is not of lowmem (start {:#x}, end {:#x})", "map_lowmem", bank.range.start.v,
                 bank.range.end.v};
  }
  return for_each_area(tables.age(), plan, [&](const MappedArea& area) {
    const MemType type = area.execute ? MemType::MemoryRwx : MemType::MemoryRw;
    return tables.create_mapping({area.physical, area.virt, type}, types);
  });
}

Result<> devicemaps_init(Tables& tables, const PagingPlan& plan, const MemTypes& types) {
  // 4.14 clears from where vmalloc begins on, and spares the last PMD, which fixmap has in use.
  const bool later = tables.age() == Age::Memblock;
  const uint64_t start = later ? vmalloc_start(plan) : plan.space.vmalloc_end;
  clear(tables, {start, later ? kEnd - kPmdSize : kEnd}, plan.kept);
  const Phys second = plan.vectors.start + kPageSize;
  const uint64_t virt = plan.space.vectors().start;
  BATON_TRY(tables.create_mapping(
      {{plan.vectors.start, second}, virt, later ? MemType::LowVectors : MemType::HighVectors},
      types));
  BATON_TRY(tables.create_mapping(
      {{second, plan.vectors.end}, virt + kPageSize, MemType::LowVectors}, types));
  for (const MapDesc& what : plan.map_io) BATON_TRY(tables.create_mapping(what, types));
  return {};
}

Result<> kmap_init(Tables& tables, const PagingPlan& plan) {
  const VirtualRange fixmap = fixmap_of(tables.age());
  BATON_TRY(tables.give_tables(plan.space.pkmap().start));
  for (uint64_t at = align_down(fixmap.start, kPmdSize); at < fixmap.end; at += kPmdSize) {
    BATON_TRY(tables.give_tables(at));
  }
  return {};
}

Result<> paging_init(Tables& tables, const PagingPlan& plan, const MemTypes& types) {
  prepare_page_table(tables, plan);
  BATON_TRY(map_lowmem(tables, plan, types));
  BATON_TRY(devicemaps_init(tables, plan, types));
  return kmap_init(tables, plan);
}

uint64_t tables_for(Age age, const PagingPlan& plan) {
  uint64_t count = 1;  // pkmap's
  const VirtualRange fixmap = fixmap_of(age);
  count += pmds_touched(fixmap.start, fixmap.size());
  count += pmds_touched(plan.space.vectors().start, plan.vectors.size());
  for (const MapDesc& what : plan.map_io) count += pmds_touched(what.virt, what.physical.size());
  (void)for_each_area(age, plan, [&](const MappedArea& area) -> Result<> {
    count += mm::tables_for(area).page_tables;
    return {};
  });
  return count;
}

size_t lowmem_areas(Age age, const PagingPlan& plan, std::span<MappedArea> areas) {
  size_t count = 0;
  (void)for_each_area(age, plan, [&](const MappedArea& area) -> Result<> {
    if (count < areas.size()) areas[count] = area;
    ++count;
    return {};
  });
  return count;
}

Result<> fix_kernmem_perms(Tables& tables, const PagingPlan& plan, const KernelParts& kernel,
                           std::span<MappedArea> room) {
  size_t count = lowmem_areas(tables.age(), plan, room);
  if (count > room.size()) {
    return Error{"no room for lowmem's areas (areas {}, room {})", "fix_kernmem_perms", count,
                 room.size()};
  }
  count = BATON_TRY(mm::fix_kernmem_perms(plan.space, room, count, kernel));
  // What 4.14 has mapped so.
  for (MappedArea& area : room.first(count)) area.execute = area.execute && !area.write;
  return set_rights(tables, room.first(count));
}

Result<> set_rights(Tables& tables, std::span<const MappedArea> areas) {
  for (const MappedArea& area : areas) {
    const VirtualRange range{area.virt, area.virt + area.physical.size()};
    BATON_TRY(tables.set_rights(range, area.write, area.execute));
  }
  return {};
}

void print_layout(Age age, const PagingPlan& plan, const Printer& out) {
  const auto kb = [&](const char* name, const VirtualRange& r) {
    out.line("    {:<7} : 0x{:08x} - 0x{:08x}   ({:4} kB)", name, r.start, r.end, r.size() / kKiB);
  };
  const auto mb = [&](const char* name, const VirtualRange& r) {
    out.line("    {:<7} : 0x{:08x} - 0x{:08x}   ({:4} MB)", name, r.start, r.end, r.size() / kMiB);
  };
  const uint64_t page_offset = plan.space.page_offset;
  out.line("Virtual kernel memory layout:");
  kb("vector", plan.space.vectors());
  kb("fixmap", fixmap_of(age));
  mb("vmalloc", {vmalloc_start(plan), plan.space.vmalloc_end});
  mb("lowmem", {page_offset, high_memory(plan)});
  mb("pkmap", plan.space.pkmap());
  mb("modules", {page_offset - kModulesSize, plan.space.pkmap().start});
}

}  // namespace mm::arm

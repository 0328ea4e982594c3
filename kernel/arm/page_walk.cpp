// What kernel/page_walk.h promises, of short descriptors: their levels differ in size, so that they are
// walked by code of their own.
#include "kernel/page_walk.h"

#include "kernel/arm/cpu.h"
#include "kernel/arm/tables.h"
#include "loader/handoff/arm/translation.h"
#include "mm/arm/lowmem.h"

namespace kernel {
namespace arm {
namespace {

using namespace mm::arm;  // NOLINT: all of it is about those

constexpr uint32_t kSectionBytes = mm::kMiB, kEntriesOfRoot = 4096, kEntriesOfTable = 256;

uint32_t* root_of(uint64_t root) {
  return table_map().at<uint32_t>(mm::Phys{root & loader::arm::kRoot});
}

arch::Caching caching(const Attributes& how) {
  if (how == kWriteAllocate || how == mm::arm::kWriteBack) return arch::Caching::WriteBack;
  if (how == mm::arm::kWriteThrough) return arch::Caching::WriteThrough;
  return how == kNotCached ? arch::Caching::WriteCombining : arch::Caching::Uncached;
}

arch::Mapping mapping(uint32_t entry, uint32_t virt, const Places& places, uint32_t size) {
  const Rights allowed = rights(places, entry);
  return {.virt = virt & ~(size - 1),
          .phys = entry & ~(size - 1),
          .size = size,
          .writable = allowed.write,
          .executable = allowed.execute,
          .caching = caching(attributes(places, entry))};
}

}  // namespace

uint32_t& root_entry(uint32_t virt) { return root_of(arch::page_root())[virt >> 20]; }

uint32_t& table_entry(uint32_t table, uint32_t virt) {
  return table_map().at<uint32_t>(mm::Phys{table & kTableAddress})[virt >> 12 & 255];
}

Place find_place(uint32_t virt) {
  uint32_t& first = root_entry(virt);
  if ((first & kTypeMask) == 0) return {};
  if ((first & kTypeMask) != kTable) return {&first, kSectionBytes};
  uint32_t& second = table_entry(first, virt);
  if ((second & kTypeMask) == 0) return {};
  return {&second, mm::kPageSize};
}

void change(const Place& place, uint32_t virt, uint32_t entry) {
  *place.entry = 0;
  publish_entry(place.entry);
  forget_page(virt);
  if (entry == 0) return;
  *place.entry = entry;
  publish_entry(place.entry);
}

void link_tables(uint32_t virt, mm::Phys frame) {
  constexpr uint32_t kTableBytes = kEntriesOfTable * sizeof(uint32_t);
  uint32_t* const pair = &root_entry(virt & ~uint32_t{mm::kPmdSize - 1});
  for (uint32_t i = 0; i < 2; ++i) {
    if ((pair[i] & kTypeMask) != 0) continue;
    pair[i] = static_cast<uint32_t>(frame.v) + i * kTableBytes + kTable;
    publish_entry(&pair[i]);
  }
}

void unlink_tables(uint32_t virt, mm::Phys frame) {
  uint32_t* const pair = &root_entry(virt & ~uint32_t{mm::kPmdSize - 1});
  for (uint32_t i = 0; i < 2; ++i) {
    if ((pair[i] & kTypeMask) != kTable) continue;
    if (mm::align_down(mm::Phys{pair[i] & kTableAddress}, mm::kPageSize) != frame) continue;
    pair[i] = 0;
    publish_entry(&pair[i]);
  }
  forget_all_pages();
}

}  // namespace arm

namespace arch {

// What kernel/page_walk.h names; there are two forms of entries here.
struct PageEntry {};

uint64_t page_root() { return arm::read_ttbr0(); }

void set_page_root(uint64_t root) {
  arm::dsb();
  KERNEL_WRITE_CP15(0, c2, c0, 0, (root & loader::arm::kRoot) | loader::arm::kWalks);
  arm::isb();
  KERNEL_WRITE_CP15(0, c8, c7, 0, 0);  // TLBIALL, of this CPU
  KERNEL_WRITE_CP15(0, c7, c5, 6, 0);  // BPIALL
  arm::dsb();
  arm::isb();
}

TableLevels table_levels(unsigned /*paging_levels*/) {
  static constexpr TableLevel kLevels[] = {{"PTE", 12, 8}, {"PGD", 20, 12}};  // Linux's, folded
  return {kLevels, 32};
}

// Lowmem has a stretch for any mem_map that it has room for.
mm::Window mem_map_window() { return {}; }

uint64_t combine_writes(uint64_t virt, uint64_t size, const mm::DirectMap& /*tables*/) {
  using namespace mm::arm;  // NOLINT: one function, all about those
  uint64_t changed = 0;
  for (uint64_t at = virt; at < virt + size;) {
    const arm::Place place = arm::find_place(static_cast<uint32_t>(at));
    if (place.entry == nullptr) break;
    const uint64_t start = mm::align_down(at, place.size);
    const bool small = place.size == mm::kPageSize;
    const Places& places = small ? kSmallPagePlaces : kSectionPlaces;
    const bool device = attributes(places, *place.entry) == kDevice;
    if (device && start >= virt && start + place.size <= virt + size) {
      const mm::Phys page{*place.entry & ~(place.size - 1)};
      const Rights allowed = rights(places, *place.entry);
      arm::change(
          place, static_cast<uint32_t>(start),
          small ? small_page(page, kNotCached, allowed) : section(page, kNotCached, allowed));
      changed += place.size;
    }
    at = start + place.size;
  }
  return changed;
}

}  // namespace arch

template <>
bool PageWalk<arch::PageEntry>::map_page(uint64_t virt, mm::Phys page, mm::NodeId node,
                                         const arch::Frames& frames) {
  return arm::map_small_page(static_cast<uint32_t>(virt), page, arm::kData, [&] {
    const mm::PagesOr frame = frames.take(frames.context, mm::kGfpKernel | mm::kGfpFlagZero, node);
    return frame ? mm::phys(frame.value()) : mm::Phys{0};
  });
}

template <>
bool PageWalk<arch::PageEntry>::map_registers(uint64_t virt, mm::Phys page,
                                              const arch::Frames& frames) {
  const auto take = [&] {
    const mm::PagesOr frame = frames.take(frames.context, mm::kGfpKernel | mm::kGfpFlagZero, 0);
    return frame ? mm::phys(frame.value()) : mm::Phys{0};
  };
  return arm::map_small_page(static_cast<uint32_t>(virt), page, arm::kData, take, mm::arm::kDevice);
}

template <>
mm::Phys PageWalk<arch::PageEntry>::unmap_page(uint64_t virt) {
  const auto at = static_cast<uint32_t>(virt);
  const arm::Place place = arm::find_place(at);
  const mm::Phys page{*place.entry & ~(place.size - 1)};
  arm::change(place, at, 0);
  return page;
}

template <>
std::optional<arch::Mapping> PageWalk<arch::PageEntry>::translate(uint64_t root, uint64_t virt) {
  using namespace mm::arm;  // NOLINT: one function, all about those
  if (virt >> 32 != 0) return std::nullopt;
  const auto at = static_cast<uint32_t>(virt);
  const uint32_t first = arm::root_of(root)[at >> 20];
  if ((first & kTypeMask) == 0) return std::nullopt;
  if ((first & kTypeMask) != kTable) {
    return arm::mapping(first, at, kSectionPlaces, arm::kSectionBytes);
  }
  const uint32_t second = arm::table_entry(first, at);
  if ((second & kTypeMask) == 0) return std::nullopt;
  return arm::mapping(second, at, kSmallPagePlaces, mm::kPageSize);
}

template <>
void PageWalk<arch::PageEntry>::walk(arch::VisitMapping visit, void* context) {
  using namespace mm::arm;  // NOLINT: one function, all about those
  const uint32_t* const root = arm::root_of(arch::page_root());
  for (uint32_t i = 0; i < arm::kEntriesOfRoot; ++i) {
    const uint32_t virt = i << 20;
    if ((root[i] & kTypeMask) == 0) continue;
    if ((root[i] & kTypeMask) != kTable) {
      if (!visit(context, arm::mapping(root[i], virt, kSectionPlaces, arm::kSectionBytes))) return;
      continue;
    }
    for (uint32_t j = 0; j < arm::kEntriesOfTable; ++j) {
      const uint32_t at = virt | j << 12;
      const uint32_t second = arm::table_entry(root[i], at);
      if ((second & kTypeMask) == 0) continue;
      if (!visit(context, arm::mapping(second, at, kSmallPagePlaces, mm::kPageSize))) return;
    }
  }
}

// RAM is nowhere at its own address: what is, is taken away.
template <>
bool PageWalk<arch::PageEntry>::make_data(mm::Range range) {
  for (mm::Phys at = range.start; at < range.end;) {
    const arm::Place place = arm::find_place(static_cast<uint32_t>(at.v));
    const uint64_t size = place.entry == nullptr ? mm::kPageSize : place.size;
    const mm::Range page{mm::align_down(at, size), mm::align_down(at, size) + size};
    at = page.end;
    if (place.entry == nullptr || (*place.entry & ~uint32_t(size - 1)) != page.start.v) continue;
    if (!range.contains(page)) return false;
    arm::change(place, static_cast<uint32_t>(page.start.v), 0);
  }
  return true;
}

// --- Free pages that are not mapped ---
// Lowmem has small pages from the start where it is to, and none of them is run (paging.cpp).

template <>
uint64_t PageWalk<arch::PageEntry>::tables_for_small(uint64_t /*virt*/, uint64_t /*bytes*/) {
  return 0;
}

template <>
bool PageWalk<arch::PageEntry>::make_small(uint64_t virt, uint64_t bytes,
                                           const mm::DirectMap& /*tables*/,
                                           const mm::Window::Tables& /*pool*/) {
  for (uint64_t at = mm::align_down(virt, arm::kSectionBytes); at < virt + bytes;
       at += arm::kSectionBytes) {
    if (arm::find_place(static_cast<uint32_t>(at)).size > mm::kPageSize) return false;
  }
  return true;
}

template <>
void PageWalk<arch::PageEntry>::drop_identity() {}  // there is none

// What is absent has type 0.
template <>
void PageWalk<arch::PageEntry>::set_present(uint64_t virt, uint64_t pages, bool present) {
  constexpr uint32_t kNotRun = uint32_t{1} << mm::arm::kSmallPagePlaces.execute_never;
  for (auto at = static_cast<uint32_t>(virt); pages != 0; --pages, at += mm::kPageSize) {
    const uint32_t first = arm::root_entry(at);
    if ((first & mm::arm::kTypeMask) != mm::arm::kTable) continue;
    uint32_t& entry = arm::table_entry(first, at);
    if (entry == 0) continue;
    entry = present ? entry | mm::arm::kSmallPage | kNotRun : entry & ~mm::arm::kTypeMask;
    arm::publish_entry(&entry);
    if (!present) arm::forget_page(at);
  }
}

template <>
std::optional<mm::Phys> PageWalk<arch::PageEntry>::absent_page(uint64_t virt) {
  const auto at = static_cast<uint32_t>(virt);
  const uint32_t first = arm::root_entry(at);
  if ((first & mm::arm::kTypeMask) != mm::arm::kTable) return std::nullopt;
  const uint32_t entry = arm::table_entry(first, at);
  if (entry == 0 || (entry & mm::arm::kTypeMask) != 0) return std::nullopt;
  return mm::Phys{entry & ~uint32_t{mm::kPageSize - 1}};
}

}  // namespace kernel

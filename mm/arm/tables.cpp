#include "mm/arm/tables.h"

#include <algorithm>

#include "mm/arm/lowmem.h"

namespace mm::arm {
namespace {

constexpr uint64_t kPagesOfSection = kSectionSize / kPageSize, kPagesOfPmd = 2 * kPagesOfSection;

bool is_table(uint32_t entry) { return (entry & kTypeMask) == kTable; }
bool is_section(uint32_t entry) { return (entry & kTypeMask) >= kSection; }

// Where the CPU's tables stand in their frame: 2.6.38 put Linux's own before them.
constexpr uint64_t tables_in_frame(Age age) { return age == Age::Memblock ? 2048 : 0; }

constexpr uint32_t with_rights(const Places& at, uint32_t entry, bool write, bool execute) {
  const uint32_t both = 1u << at.ap2 | 1u << at.execute_never;
  return (entry & ~both) | (write ? 0u : 1u) << at.ap2 | (execute ? 0u : 1u) << at.execute_never;
}

// Section number `which` of a PMD; its page number `page`.
uint32_t page_of(uint32_t section, uint64_t page) {
  const Phys start = align_down(Phys{section}, kSectionSize);
  return small_page(start + page * kPageSize, attributes(kSectionPlaces, section),
                    rights(kSectionPlaces, section));
}

}  // namespace

MemTypes build_mem_type_table(const CpuKind& cpu) {
  MemTypes types{.entries = {}, .cache_policy = cpu.smp ? "writealloc" : "writeback"};
  // With TEX remapped 100 is a device and 001 memory that is not cached, else the other way; 111 and
  // 011 are memory with either.
  const Attributes device = cpu.tex_remap ? Attributes{1, 0, 0} : kDevice;
  const Attributes combined = cpu.tex_remap ? Attributes{0, 0, 1} : kNotCached;
  const Attributes memory = cpu.smp ? kWriteAllocate : kWriteBack;
  const auto set = [&](MemType type, const MemTypeEntry& entry) {
    types.entries[static_cast<size_t>(type)] = entry;
  };
  const auto rights = [&](bool write, bool execute, bool user = false) {
    return Rights{.write = write, .execute = execute, .user = user, .shared = cpu.smp};
  };
  set(MemType::Device, {device, {.write = true, .execute = false, .shared = true}});
  set(MemType::DeviceWc, {combined, rights(true, false)});
  // 2.6.34 lets the kernel write to the high ones, to keep a thread's pointer there; ARMv7 has a
  // register for that.
  set(MemType::LowVectors, {memory, rights(false, true), false});
  set(MemType::HighVectors, {memory, rights(false, true, true), false});
  set(MemType::MemoryRwx, {memory, rights(true, true)});
  set(MemType::MemoryRw, {memory, rights(true, false)});
  set(MemType::MemoryRo, {memory, rights(false, false)});
  set(MemType::Rom, {memory, rights(false, true)});
  return types;
}

uint32_t* Tables::pmd(uint64_t virt) const {
  return map_.at<uint32_t>(root_ + virt / kPmdSize * 2 * sizeof(uint32_t));
}

void Tables::clear_all() {
  for (uint32_t& entry : map_.span<uint32_t>(root_, kPgdirSize / sizeof(uint32_t))) entry = 0;
}

void Tables::clear(VirtualRange range) {
  for (uint64_t at = align_up(range.start, kPmdSize); at + kPmdSize <= range.end; at += kPmdSize) {
    pmd(at)[0] = 0;
    pmd(at)[1] = 0;
  }
}

Result<> Tables::give_tables(uint64_t virt) {
  uint32_t* const entries = pmd(virt);
  if (is_table(entries[0])) return {};
  const Phys frame = BATON_TRY(frames_.take(frames_.context));
  for (uint32_t& word : map_.span<uint32_t>(frame, kPageSize / sizeof(uint32_t))) word = 0;
  const Phys tables = frame + tables_in_frame(age_);
  uint32_t* const pages = map_.at<uint32_t>(tables);
  for (uint64_t i = 0; i < kPagesOfPmd; ++i) {
    const uint32_t entry = entries[i / kPagesOfSection];
    if (is_section(entry)) pages[i] = page_of(entry, i % kPagesOfSection);
  }
  entries[0] = static_cast<uint32_t>(tables.v) | kTable;
  entries[1] = static_cast<uint32_t>(tables.v + kPagesOfSection * sizeof(uint32_t)) | kTable;
  return {};
}

uint32_t* Tables::page_entry(uint64_t virt) const {
  const uint32_t entry = pmd(virt)[virt / kSectionSize % 2];
  if (!is_table(entry)) return nullptr;
  return map_.at<uint32_t>(Phys{entry & kTableAddress}) + virt / kPageSize % kPagesOfSection;
}

Result<> Tables::create_mapping(const MapDesc& what, const MemTypes& types) {
  const uint64_t size = what.physical.size();
  if (((what.virt | what.physical.start.v | what.physical.end.v) & (kPageSize - 1)) != 0) {
    return Error{"mapping is not of whole pages (virtual {:#x}, physical {:#x})", "create_mapping",
                 what.virt, what.physical.start.v};
  }
  if (what.virt >= kEnd || size > kEnd - what.virt || what.physical.end.v > kEnd) {
    return Error{"mapping does not end below 4 GiB (virtual {:#x}, physical end {:#x})",
                 "create_mapping", what.virt, what.physical.end.v};
  }
  const MemTypeEntry& type = types[what.type];
  const uint64_t end = what.virt + size;
  Phys physical = what.physical.start;
  for (uint64_t at = what.virt; at < end;) {
    const uint64_t next = std::min(align_down(at, kPmdSize) + kPmdSize, end);
    const bool aligned = (at | next | physical.v) % kSectionSize == 0;
    if (type.sections && aligned && !is_table(pmd(at)[0])) {
      for (; at < next; at += kSectionSize, physical += kSectionSize) {
        pmd(at)[at / kSectionSize % 2] = section(physical, type.how, type.who);
      }
      continue;
    }
    BATON_TRY(give_tables(at));
    for (; at < next; at += kPageSize, physical += kPageSize) {
      *page_entry(at) = small_page(physical, type.how, type.who);
    }
  }
  return {};
}

Result<> Tables::set_rights(VirtualRange range, bool write, bool execute) {
  const auto inside_a_section = [&](uint64_t border) {
    return border % kSectionSize != 0 && border < kEnd &&
           is_section(pmd(border)[border / kSectionSize % 2]);
  };
  for (const uint64_t border : {range.start, range.end}) {
    if (border % kPageSize != 0 || inside_a_section(border)) {
      return Error{"rights cannot change inside a page or section (virtual {:#x})", "set_rights",
                   border};
    }
  }
  for (uint64_t at = range.start; at < range.end;) {
    if (uint32_t* const page = page_entry(at); page != nullptr) {
      if (*page != 0) *page = with_rights(kSmallPagePlaces, *page, write, execute);
      at += kPageSize;
      continue;
    }
    uint32_t& entry = pmd(at)[at / kSectionSize % 2];
    if (is_section(entry)) entry = with_rights(kSectionPlaces, entry, write, execute);
    at = align_down(at, kSectionSize) + kSectionSize;
  }
  return {};
}

std::optional<Mapping> Tables::translate(uint64_t virt) const {
  if (virt >= kEnd) return std::nullopt;
  const auto made = [&](uint32_t entry, const Places& at, uint64_t size) {
    return Mapping{Phys{align_down(entry, size) | (virt & (size - 1))}, size, attributes(at, entry),
                   rights(at, entry)};
  };
  if (const uint32_t* const page = page_entry(virt); page != nullptr) {
    if ((*page & kTypeMask) == 0) return std::nullopt;
    return made(*page, kSmallPagePlaces, kPageSize);
  }
  const uint32_t entry = pmd(virt)[virt / kSectionSize % 2];
  if (!is_section(entry)) return std::nullopt;
  return made(entry, kSectionPlaces, kSectionSize);
}

}  // namespace mm::arm

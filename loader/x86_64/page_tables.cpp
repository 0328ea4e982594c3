// x86-64 page tables, four or five levels (Intel SDM vol. 3A chapter 4). Large pages: 1 GiB where
// the CPU has them, and 2 MiB.
#include "loader/arch.h"
#include "loader/handoff/handoff.h"

namespace loader {

using mm::Error;
using mm::Phys;
using mm::Range;
using mm::Result;

namespace {

constexpr uint64_t kPresent = 1, kWrite = 2, kWriteThrough = 8, kCacheDisable = 16, kLarge = 128,
                   kNoExecute = uint64_t{1} << 63, kAddress = 0x000f'ffff'ffff'f000;

constexpr unsigned shift(unsigned level) { return mm::kPageShift + 9 * (level - 1); }

}  // namespace

// The direct map goes on to the next thing in the upper half (Linux's
// Documentation/x86/x86_64/mm.rst): 64 TiB, with five levels 32 PiB.
AddressSpace address_space(const PagingFeatures& paging) {
  if (paging.levels == 5) return {kDirectMap5Level, uint64_t{1} << 55, uint64_t{1} << 56};
  return {kDirectMap4Level, uint64_t{1} << 46, uint64_t{1} << 47};
}

bool PageTables::leaf_allowed(unsigned level) const {
  return level == 1 || level == 2 || (level == 3 && features_.gigabyte_pages);
}

Access PageTables::access_of(uint64_t entry) const {
  return {(entry & kWrite) != 0, !features_.nx || (entry & kNoExecute) == 0,
          (entry & kCacheDisable) != 0 ? Cache::Uncached : Cache::WriteBack};
}

// Bits of the address above the top level repeat its highest bit.
uint64_t PageTables::canonical(uint64_t virt) const {
  const unsigned unused = 64 - shift(features_.levels + 1);
  return static_cast<uint64_t>(static_cast<int64_t>(virt << unused) >> unused);
}

void PageTables::walk(Phys table, unsigned level, uint64_t virt, Access above,
                      const Visitor& visitor) const {
  const auto* entries = map_.at<const uint64_t>(table);
  for (uint64_t i = 0; i < 512; ++i) {
    const uint64_t entry = entries[i];
    if ((entry & kPresent) == 0) continue;
    const uint64_t here = canonical(virt | i << shift(level));
    Access access = access_of(entry);
    access.write &= above.write;
    access.execute &= above.execute;
    if (level == 1 || (entry & kLarge) != 0) {
      const uint64_t size = uint64_t{1} << shift(level);
      visitor.call(visitor.context, here,
                   Translation{Phys{entry & kAddress & ~(size - 1)}, size, access});
    } else {
      walk(Phys{entry & kAddress}, level - 1, here, access, visitor);
    }
  }
}

uint64_t PageTables::pages_for(uint64_t ranges, uint64_t bytes, uint64_t end,
                               const PagingFeatures& features, bool congruent) {
  uint64_t pages = 0;
  for (unsigned level = 2; level <= features.levels; ++level) {
    const uint64_t all = (end >> shift(level)) + 2;  // tables below entries of this level
    const bool large_page_instead = level == 2 || (level == 3 && features.gigabyte_pages);
    const uint64_t full = congruent && large_page_instead ? 0 : bytes >> shift(level);
    const uint64_t needed = 2 * ranges + full;
    pages += needed < all ? needed : all;
  }
  return pages;
}

Result<Phys> PageTables::new_table() {
  if (next_ + mm::kPageSize > pool_.end) {
    return Error{"pool of page tables is used up (start {:#x}, end {:#x})", "page tables",
                 pool_.start.v, pool_.end.v};
  }
  const Phys table = next_;
  next_ += mm::kPageSize;
  auto* entries = map_.at<uint64_t>(table);
  for (unsigned i = 0; i < 512; ++i) entries[i] = 0;
  return table;
}

Result<> PageTables::start() {
  root_ = BATON_TRY(new_table());
  return {};
}

uint64_t PageTables::leaf_bits(Access access, unsigned level) const {
  uint64_t bits = kPresent;
  if (access.write) bits |= kWrite;
  if (!access.execute && features_.nx) bits |= kNoExecute;
  if (access.cache == Cache::Uncached) bits |= kCacheDisable | kWriteThrough;
  if (level > 1) bits |= kLarge;
  return bits;
}

// The table an entry of `level` points to: there already, new, or made of the large page it was.
Result<Phys> PageTables::table_below(uint64_t& entry, unsigned level) {
  if ((entry & kPresent) != 0 && (entry & kLarge) == 0) return Phys{entry & kAddress};
  const uint64_t large = entry;
  const Phys table = BATON_TRY(new_table());
  if ((large & kPresent) != 0) {
    const uint64_t step = uint64_t{1} << shift(level - 1);
    const uint64_t address = large & kAddress & ~((uint64_t{1} << shift(level)) - 1);
    uint64_t bits = large & ~kAddress;
    if (level - 1 == 1) bits &= ~kLarge;
    auto* entries = map_.at<uint64_t>(table);
    for (uint64_t i = 0; i < 512; ++i) entries[i] = bits | (address + i * step);
  }
  // Tables allow everything; the leaves say what is allowed.
  entry = table.v | kPresent | kWrite;
  return table;
}

Result<> PageTables::map_level(Phys table, unsigned level, uint64_t virt, Range range,
                               Access access) {
  auto* entries = map_.at<uint64_t>(table);
  const uint64_t span = uint64_t{1} << shift(level);
  while (!range.empty()) {
    const uint64_t index = virt >> shift(level) & 511;
    const uint64_t to_border = span - (virt & (span - 1));
    const uint64_t size = range.size() < to_border ? range.size() : to_border;
    const bool whole =
        level == 1 || (size == span && range.start.v % span == 0 && leaf_allowed(level));
    // A table that is already there stays: what it maps is overridden entry by entry.
    const bool has_table =
        level > 1 && (entries[index] & kPresent) != 0 && (entries[index] & kLarge) == 0;
    if (whole && !has_table) {
      entries[index] = range.start.v | leaf_bits(access, level);
    } else {
      const Phys below = BATON_TRY(table_below(entries[index], level));
      const Range part{range.start, range.start + size};
      BATON_TRY(map_level(below, level - 1, virt, part, access));
    }
    virt += size;
    range.start += size;
    // The caller's range never crosses the end of this table, so index does not wrap.
  }
  return {};
}

Result<> PageTables::map(uint64_t virt, Range range, Access access) {
  if (range.empty()) return {};
  if (features_.levels != 4 && features_.levels != 5) {
    return Error{"neither four nor five levels (levels {})", "page tables", features_.levels, 0};
  }
  if (((virt | range.start.v | range.end.v) & (mm::kPageSize - 1)) != 0) {
    return Error{"mapping is not page-aligned (virtual {:#x}, physical {:#x})", "page tables", virt,
                 range.start.v};
  }
  const uint64_t last = virt + (range.size() - 1);
  const uint64_t half = uint64_t{1} << (shift(features_.levels + 1) - 1);
  if (last < virt || canonical(virt) != virt || canonical(last) != last ||
      (virt < half) != (last < half) || range.end.v > mm::kMaxPhys) {
    return Error{"mapping does not fit the address space (virtual {:#x}, physical end {:#x})",
                 "page tables", virt, range.end.v};
  }
  return map_level(root_, features_.levels, virt, range, access);
}

void PageTables::share_upper_half(const PageTables& other) {
  auto* mine = map_.at<uint64_t>(root_);
  const auto* theirs = other.map_.at<const uint64_t>(other.root_);
  for (unsigned i = 256; i < 512; ++i) mine[i] = theirs[i];
}

std::optional<Translation> PageTables::translate(uint64_t virt) const {
  if (canonical(virt) != virt) return std::nullopt;
  Phys table = root_;
  Access access{true, true, Cache::WriteBack};
  for (unsigned level = features_.levels; level >= 1; --level) {
    const uint64_t entry = map_.at<const uint64_t>(table)[virt >> shift(level) & 511];
    if ((entry & kPresent) == 0) return std::nullopt;
    const Access here = access_of(entry);
    access = {access.write && here.write, access.execute && here.execute, here.cache};
    if (level == 1 || (entry & kLarge) != 0) {
      const uint64_t size = uint64_t{1} << shift(level);
      return Translation{Phys{(entry & kAddress & ~(size - 1)) | (virt & (size - 1))}, size,
                         access};
    }
    table = Phys{entry & kAddress};
  }
  return std::nullopt;
}

}  // namespace loader

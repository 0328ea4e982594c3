// How page tables are built and read (loader/page_tables.h). Where an architecture's builder is
// instantiated, and in tests of another's.
#pragma once

#include "loader/page_tables.h"

namespace loader {

// Bits of the address below an entry of the level.
[[nodiscard]] constexpr unsigned table_shift(unsigned level) {
  return mm::kPageShift + 9 * (level - 1);
}

template <class Entry>
bool TableBuilder<Entry>::leaf_allowed(unsigned level) const {
  return level == 1 || level == 2 || (level == 3 && features_.gigabyte_pages);
}

// Bits of the address above the top level repeat its highest bit.
template <class Entry>
uint64_t TableBuilder<Entry>::canonical(uint64_t virt) const {
  const unsigned unused = 64 - table_shift(features_.levels + 1);
  return static_cast<uint64_t>(static_cast<int64_t>(virt << unused) >> unused);
}

template <class Entry>
void TableBuilder<Entry>::walk(mm::Phys table, unsigned level, uint64_t virt, Access above,
                               const Visitor& visitor) const {
  const auto* entries = map_.at<const uint64_t>(table);
  for (uint64_t i = 0; i < 512; ++i) {
    const uint64_t entry = entries[i];
    if (!Entry::is_present(entry)) continue;
    const uint64_t here = canonical(virt | i << table_shift(level));
    Access access = Entry::access(entry, level, features_);
    access.write &= above.write;
    access.execute &= above.execute;
    if (!Entry::is_table(entry, level)) {
      const uint64_t size = uint64_t{1} << table_shift(level);
      visitor.call(visitor.context, here,
                   Translation{mm::Phys{Entry::address(entry).v & ~(size - 1)}, size, access});
    } else {
      walk(Entry::address(entry), level - 1, here, access, visitor);
    }
  }
}

template <class Entry>
uint64_t TableBuilder<Entry>::pages_for(uint64_t ranges, uint64_t bytes, uint64_t end,
                                        const PagingFeatures& features, bool congruent) {
  uint64_t pages = 0;
  for (unsigned level = 2; level <= features.levels; ++level) {
    const uint64_t all = (end >> table_shift(level)) + 2;  // tables below entries of this level
    const bool large_page_instead = level == 2 || (level == 3 && features.gigabyte_pages);
    const uint64_t full = congruent && large_page_instead ? 0 : bytes >> table_shift(level);
    const uint64_t needed = 2 * ranges + full;
    pages += needed < all ? needed : all;
  }
  return pages;
}

template <class Entry>
mm::Result<mm::Phys> TableBuilder<Entry>::new_table() {
  if (next_ + mm::kPageSize > pool_.end) {
    return mm::Error{"pool of page tables is used up (start {:#x}, end {:#x})", "page tables",
                     pool_.start.v, pool_.end.v};
  }
  const mm::Phys table = next_;
  next_ += mm::kPageSize;
  auto* entries = map_.at<uint64_t>(table);
  for (unsigned i = 0; i < 512; ++i) entries[i] = 0;
  return table;
}

template <class Entry>
mm::Result<> TableBuilder<Entry>::check(const PagingFeatures& features) {
  if (features.levels >= Entry::kFewestLevels && features.levels <= Entry::kMostLevels) return {};
  return mm::Error{"the CPU has none of this form (its levels {}, wanted {})", "page tables",
                   features.levels, Entry::kFewestLevels};
}

template <class Entry>
mm::Result<> TableBuilder<Entry>::start() {
  root_ = BATON_TRY(new_table());
  return {};
}

// The table an entry of `level` points to: there already, new, or made of the large page it was.
template <class Entry>
mm::Result<mm::Phys> TableBuilder<Entry>::table_below(uint64_t& entry, unsigned level) {
  if (Entry::is_present(entry) && Entry::is_table(entry, level)) return Entry::address(entry);
  const uint64_t large = entry;
  const mm::Phys table = BATON_TRY(new_table());
  if (Entry::is_present(large)) {
    const uint64_t step = uint64_t{1} << table_shift(level - 1);
    const mm::Phys start = mm::align_down(Entry::address(large), uint64_t{1} << table_shift(level));
    auto* entries = map_.at<uint64_t>(table);
    for (uint64_t i = 0; i < 512; ++i) entries[i] = Entry::part(large, level - 1, start + i * step);
  }
  // Tables allow everything; the leaves say what is allowed.
  entry = Entry::table(table, level);
  return table;
}

template <class Entry>
mm::Result<> TableBuilder<Entry>::map_level(mm::Phys table, unsigned level, uint64_t virt,
                                            mm::Range range, Access access) {
  auto* entries = map_.at<uint64_t>(table);
  const uint64_t span = uint64_t{1} << table_shift(level);
  while (!range.empty()) {
    const uint64_t index = virt >> table_shift(level) & 511;
    const uint64_t to_border = span - (virt & (span - 1));
    const uint64_t size = range.size() < to_border ? range.size() : to_border;
    const bool whole =
        level == 1 || (size == span && range.start.v % span == 0 && leaf_allowed(level));
    // A table that is already there stays: what it maps is overridden entry by entry.
    const bool has_table =
        Entry::is_present(entries[index]) && Entry::is_table(entries[index], level);
    if (whole && !has_table) {
      entries[index] = Entry::leaf(range.start, access, level, features_);
    } else {
      const mm::Phys below = BATON_TRY(table_below(entries[index], level));
      const mm::Range part{range.start, range.start + size};
      BATON_TRY(map_level(below, level - 1, virt, part, access));
    }
    virt += size;
    range.start += size;
    // The caller's range never crosses the end of this table, so index does not wrap.
  }
  return {};
}

template <class Entry>
mm::Result<> TableBuilder<Entry>::map(uint64_t virt, mm::Range range, Access access) {
  if (range.empty()) return {};
  BATON_TRY(check(features_));
  if (((virt | range.start.v | range.end.v) & (mm::kPageSize - 1)) != 0) {
    return mm::Error{"mapping is not page-aligned (virtual {:#x}, physical {:#x})", "page tables",
                     virt, range.start.v};
  }
  const uint64_t last = virt + (range.size() - 1);
  const uint64_t half = uint64_t{1} << (table_shift(features_.levels + 1) - 1);
  if (last < virt || canonical(virt) != virt || canonical(last) != last ||
      (virt < half) != (last < half) || range.end.v > mm::kMaxPhys) {
    return mm::Error{"mapping does not fit the address space (virtual {:#x}, physical end {:#x})",
                     "page tables", virt, range.end.v};
  }
  return map_level(root_, features_.levels, virt, range, access);
}

template <class Entry>
void TableBuilder<Entry>::share_upper_half(const TableBuilder& other) {
  auto* mine = map_.at<uint64_t>(root_);
  const auto* theirs = other.map_.template at<const uint64_t>(other.root_);
  for (unsigned i = Entry::kFirstShared; i < 512; ++i) mine[i] = theirs[i];
}

template <class Entry>
std::optional<Translation> TableBuilder<Entry>::translate(uint64_t virt) const {
  if (canonical(virt) != virt) return std::nullopt;
  mm::Phys table = root_;
  Access access{true, true, Cache::WriteBack};
  for (unsigned level = features_.levels; level >= 1; --level) {
    const uint64_t entry = map_.at<const uint64_t>(table)[virt >> table_shift(level) & 511];
    if (!Entry::is_present(entry)) return std::nullopt;
    const Access here = Entry::access(entry, level, features_);
    access = {access.write && here.write, access.execute && here.execute, here.cache};
    if (!Entry::is_table(entry, level)) {
      const uint64_t size = uint64_t{1} << table_shift(level);
      return Translation{mm::Phys{(Entry::address(entry).v & ~(size - 1)) | (virt & (size - 1))},
                         size, access};
    }
    table = Entry::address(entry);
  }
  return std::nullopt;
}

}  // namespace loader

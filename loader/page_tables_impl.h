// How page tables are built and read (loader/page_tables.h). Where an architecture's builder is
// instantiated, and in tests of another's.
#pragma once

#include "loader/page_tables.h"

namespace loader {

// Bits of the address below an entry of the level.
template <class Entry>
[[nodiscard]] constexpr unsigned table_shift(unsigned level) {
  unsigned shift = mm::kPageShift;
  for (unsigned below = 1; below < level; ++below) shift += Entry::index_bits(below);
  return shift;
}
template <class Entry>
[[nodiscard]] constexpr uint64_t entries_of(unsigned level) {
  return uint64_t{1} << Entry::index_bits(level);
}
template <class Entry>
[[nodiscard]] constexpr uint64_t index_of(uint64_t virt, unsigned level) {
  return virt >> table_shift<Entry>(level) & (entries_of<Entry>(level) - 1);
}
template <class Entry>
[[nodiscard]] constexpr uint64_t table_bytes(unsigned level) {
  return entries_of<Entry>(level) * sizeof(typename Entry::Word);
}

// Whether an entry above level 1 may be a large page.
[[nodiscard]] constexpr bool has_leaves(unsigned level, const PagingFeatures& features) {
  return (level == 2 && features.large_pages) || (level == 3 && features.gigabyte_pages);
}

template <class Entry>
bool TableBuilder<Entry>::leaf_allowed(unsigned level) const {
  return level == 1 || has_leaves(level, features_);
}

template <class Entry>
uint64_t TableBuilder<Entry>::canonical(uint64_t virt) const {
  const unsigned unused = 64 - table_shift<Entry>(features_.levels + 1);
  if (!Entry::kSigned) return virt << unused >> unused;
  return static_cast<uint64_t>(static_cast<int64_t>(virt << unused) >> unused);
}

template <class Entry>
void TableBuilder<Entry>::walk(mm::Phys table, unsigned level, uint64_t virt, Access above,
                               const Visitor& visitor) const {
  const auto* entries = map_.at<const typename Entry::Word>(table);
  for (uint64_t i = 0; i < entries_of<Entry>(level); ++i) {
    const uint64_t entry = entries[i];
    if (!Entry::is_present(entry)) continue;
    const uint64_t here = canonical(virt | i << table_shift<Entry>(level));
    Access access = Entry::access(entry, level, features_);
    access.write &= above.write;
    access.execute &= above.execute;
    if (!Entry::is_table(entry, level)) {
      const uint64_t size = uint64_t{1} << table_shift<Entry>(level);
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
    const uint64_t all =
        (end >> table_shift<Entry>(level)) + 2;  // tables below entries of this level
    const uint64_t full =
        congruent && has_leaves(level, features) ? 0 : bytes >> table_shift<Entry>(level);
    const uint64_t needed = 2 * ranges + full;
    pages += needed < all ? needed : all;
  }
  return pages;
}

template <class Entry>
uint64_t TableBuilder<Entry>::pages_for_root(const PagingFeatures& features) {
  return 2 * table_bytes<Entry>(features.levels) / mm::kPageSize - 1;
}

// Empty, as many as stand together: the first one's place, which is a multiple of their size.
template <class Entry>
mm::Result<mm::Phys> TableBuilder<Entry>::new_tables(unsigned level) {
  const uint64_t bytes =
      mm::align_up(table_bytes<Entry>(level) * Entry::together(level), mm::kPageSize);
  const mm::Phys table = mm::align_up(next_, bytes);
  if (table + bytes > pool_.end) {
    return mm::Error{"pool of page tables is used up (start {:#x}, end {:#x})", "page tables",
                     pool_.start.v, pool_.end.v};
  }
  next_ = table + bytes;
  for (uint64_t& word : map_.span<uint64_t>(table, bytes / sizeof(uint64_t))) word = 0;
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
  BATON_TRY(check(features_));
  root_ = BATON_TRY(new_tables(features_.levels));
  return {};
}

// The table an entry of `level` points to: there already, new, or made of the large page it was.
template <class Entry>
mm::Result<mm::Phys> TableBuilder<Entry>::table_below(mm::Phys table, uint64_t index,
                                                      unsigned level) {
  using Word = typename Entry::Word;
  auto* const entries = map_.at<Word>(table);
  const auto is_table = [&](uint64_t entry) {
    return Entry::is_present(entry) && Entry::is_table(entry, level);
  };
  if (is_table(entries[index])) return Entry::address(entries[index]);
  const auto size_at = [](unsigned at) { return uint64_t{1} << table_shift<Entry>(at); };
  const uint64_t first = mm::align_down(index, Entry::together(level - 1));
  mm::Phys below = BATON_TRY(new_tables(level - 1));
  for (uint64_t i = first; i < first + Entry::together(level - 1); ++i) {
    const uint64_t large = entries[i];
    if (Entry::is_present(large)) {
      const mm::Phys start = mm::align_down(Entry::address(large), size_at(level));
      auto* const parts = map_.at<Word>(below);
      for (uint64_t j = 0; j < entries_of<Entry>(level - 1); ++j) {
        parts[j] = static_cast<Word>(Entry::part(large, level - 1, start + j * size_at(level - 1)));
      }
    }
    // Tables allow everything; the leaves say what is allowed.
    entries[i] = static_cast<Word>(Entry::table(below, level));
    below += table_bytes<Entry>(level - 1);
  }
  return Entry::address(entries[index]);
}

template <class Entry>
mm::Result<> TableBuilder<Entry>::map_level(mm::Phys table, unsigned level, uint64_t virt,
                                            mm::Range range, Access access) {
  using Word = typename Entry::Word;
  auto* entries = map_.at<Word>(table);
  const uint64_t span = uint64_t{1} << table_shift<Entry>(level);
  while (!range.empty()) {
    const uint64_t index = index_of<Entry>(virt, level);
    const uint64_t to_border = span - (virt & (span - 1));
    const uint64_t size = range.size() < to_border ? range.size() : to_border;
    const bool whole =
        level == 1 || (size == span && range.start.v % span == 0 && leaf_allowed(level));
    // A table that is already there stays: what it maps is overridden entry by entry.
    const bool has_table =
        Entry::is_present(entries[index]) && Entry::is_table(entries[index], level);
    if (whole && !has_table) {
      entries[index] = static_cast<Word>(Entry::leaf(range.start, access, level, features_));
    } else {
      const mm::Phys below = BATON_TRY(table_below(table, index, level));
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
  const uint64_t half = uint64_t{1} << (table_shift<Entry>(features_.levels + 1) - 1);
  if (last < virt || canonical(virt) != virt || canonical(last) != last ||
      (Entry::kSigned && (virt < half) != (last < half)) || range.end.v > mm::kMaxPhys) {
    return mm::Error{"mapping does not fit the address space (virtual {:#x}, physical end {:#x})",
                     "page tables", virt, range.end.v};
  }
  return map_level(root_, features_.levels, virt, range, access);
}

template <class Entry>
void TableBuilder<Entry>::share_upper_half(const TableBuilder& other) {
  using Word = typename Entry::Word;
  auto* mine = map_.at<Word>(root_);
  const auto* theirs = other.map_.template at<const Word>(other.root_);
  for (uint64_t i = Entry::kFirstShared; i < entries_of<Entry>(features_.levels); ++i) {
    mine[i] = theirs[i];
  }
}

template <class Entry>
std::optional<Translation> TableBuilder<Entry>::translate(uint64_t virt) const {
  if (canonical(virt) != virt) return std::nullopt;
  mm::Phys table = root_;
  Access access{true, true, Cache::WriteBack};
  for (unsigned level = features_.levels; level >= 1; --level) {
    const uint64_t entry = map_.at<const typename Entry::Word>(table)[index_of<Entry>(virt, level)];
    if (!Entry::is_present(entry)) return std::nullopt;
    const Access here = Entry::access(entry, level, features_);
    access = {access.write && here.write, access.execute && here.execute, here.cache};
    if (!Entry::is_table(entry, level)) {
      const uint64_t size = uint64_t{1} << table_shift<Entry>(level);
      return Translation{mm::Phys{(Entry::address(entry).v & ~(size - 1)) | (virt & (size - 1))},
                         size, access};
    }
    table = Entry::address(entry);
  }
  return std::nullopt;
}

}  // namespace loader

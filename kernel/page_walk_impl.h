// How page tables are walked (kernel/page_walk.h). An architecture's page_walk.cpp instantiates it
// with its entry:
//     using Word = uint64_t;
//     static constexpr unsigned kIndexBits = 9;  // of the address that choose in a table: of 4 KiB
//     static constexpr bool kSigned = true;      // addresses are canonical; or else end with them
//     static unsigned levels();
//     static bool is_present(uint64_t entry), is_leaf(uint64_t entry, unsigned level);
//     static uint64_t address(uint64_t entry);            // of what it leads to
//     static bool writable(uint64_t entry, unsigned level), executable(uint64_t entry);
//     static arch::Caching caching(uint64_t entry, unsigned level);
//     static uint64_t data(uint64_t page, unsigned level); // a page to be written, and not run
//     static uint64_t registers(uint64_t page);            // such a page of a device, not cached
//     static uint64_t table(uint64_t table, unsigned level);
//     static uint64_t as_data(uint64_t leaf);  // of code at its own address, what RAM has there
//     static void mapped(), forget(uint64_t virt), forget_all();
//                                       // an entry was made; one was changed; any were
//     static uint64_t part(uint64_t leaf, unsigned level, uint64_t page);
//                                       // of a leaf of the level above, the same rights
//     static void replace(Word& entry, Word with, uint64_t virt);
//                                       // a leaf by a table that maps the same
//     static Word set_present(Word entry, bool present);  // of a page of 4 KiB that is or was mapped
// Level 1 has pages of 4 KiB.
#pragma once

#include <algorithm>

#include "kernel/page_walk.h"

namespace kernel::page_walk {

template <class Entry>
[[nodiscard]] constexpr unsigned entries_in() {
  return 1u << Entry::kIndexBits;
}

// Bits of the address below a table's entry: level 1 entries map 4 KiB.
template <class Entry>
constexpr unsigned shift_of(unsigned level) {
  return mm::kPageShift + Entry::kIndexBits * (level - 1);
}

// That of an address in the table to which another entry, or the root's register, leads.
template <class Entry>
typename Entry::Word& entry_of(const mm::DirectMap& map, uint64_t leads, unsigned level,
                               uint64_t virt) {
  return map.at<typename Entry::Word>(
      mm::Phys{Entry::address(leads)})[virt >> shift_of<Entry>(level) & (entries_in<Entry>() - 1)];
}

template <class Entry>
uint64_t canonical(uint64_t virt) {
  const unsigned unused = 64 - shift_of<Entry>(Entry::levels() + 1);
  if (!Entry::kSigned) return virt << unused >> unused;
  return static_cast<uint64_t>(static_cast<int64_t>(virt << unused) >> unused);
}

// What the levels above allow.
template <class Entry>
struct Rights {
  bool write = true, execute = true;
  [[nodiscard]] Rights with(uint64_t entry, unsigned level) const {
    return {write && Entry::writable(entry, level), execute && Entry::executable(entry)};
  }
};

template <class Entry>
arch::Mapping leaf(uint64_t entry, unsigned level, uint64_t virt, Rights<Entry> rights) {
  const uint64_t size = uint64_t{1} << shift_of<Entry>(level);
  return {canonical<Entry>(virt), Entry::address(entry) & ~(size - 1), size, rights.write,
          rights.execute,         Entry::caching(entry, level)};
}

template <class Entry>
struct Walk {
  arch::VisitMapping visit;
  void* context;

  // False: visit() wants no more.
  bool table(uint64_t physical, unsigned level, uint64_t virt, Rights<Entry> above) const {
    const auto* entries = table_map().at<const typename Entry::Word>(mm::Phys{physical});
    for (unsigned i = 0; i < entries_in<Entry>(); ++i) {
      const uint64_t entry = entries[i];
      if (!Entry::is_present(entry)) continue;
      const uint64_t at = virt | uint64_t{i} << shift_of<Entry>(level);
      const Rights<Entry> rights = above.with(entry, level);
      const bool more = Entry::is_leaf(entry, level)
                            ? visit(context, leaf<Entry>(entry, level, at, rights))
                            : table(Entry::address(entry), level - 1, at, rights);
      if (!more) return false;
    }
    return true;
  }
};

// An entry for a page of the size that those of such a level have. Tables that are missing on the way
// come from take(), zeroed; false when it has none (address 0).
template <class Entry, class Take>
bool map_at(uint64_t virt, uint64_t leaf, unsigned leaf_level, Take take) {
  uint64_t table = arch::page_root();
  for (unsigned level = Entry::levels();; --level) {
    typename Entry::Word& entry = entry_of<Entry>(table_map(), table, level, virt);
    if (level == leaf_level) {
      entry = static_cast<typename Entry::Word>(leaf);
      Entry::mapped();
      return true;
    }
    if (!Entry::is_present(entry)) {
      const mm::Phys next = take();
      if (next == mm::Phys{0}) return false;
      entry = static_cast<typename Entry::Word>(Entry::table(next.v, level));
    }
    table = entry;
  }
}

}  // namespace kernel::page_walk

namespace kernel {

namespace page_walk {

// The same of a page of 4 KiB, with tables from the page allocator.
template <class Entry>
bool map_small(uint64_t virt, uint64_t leaf, mm::NodeId node, const arch::Frames& frames) {
  return map_at<Entry>(virt, leaf, 1, [&] {
    const mm::PagesOr frame = frames.take(frames.context, mm::kGfpKernel | mm::kGfpFlagZero, node);
    return frame ? mm::phys(frame.value()) : mm::Phys{0};
  });
}

}  // namespace page_walk

template <class Entry>
Leaf PageWalk<Entry>::find_leaf(uint64_t virt, const mm::DirectMap& tables) {
  uint64_t table = arch::page_root();
  for (unsigned level = Entry::levels();; --level) {
    typename Entry::Word& entry = page_walk::entry_of<Entry>(tables, table, level, virt);
    if (!Entry::is_present(entry)) return {};
    if (Entry::is_leaf(entry, level)) return {&entry, page_walk::shift_of<Entry>(level)};
    table = entry;
  }
}

template <class Entry>
uint64_t PageWalk<Entry>::read(const Leaf& leaf) {
  return *static_cast<const typename Entry::Word*>(leaf.entry);
}

template <class Entry>
void PageWalk<Entry>::write(const Leaf& leaf, uint64_t entry) {
  *static_cast<typename Entry::Word*>(leaf.entry) = static_cast<typename Entry::Word>(entry);
}

template <class Entry>
bool PageWalk<Entry>::map_page(uint64_t virt, mm::Phys page, mm::NodeId node,
                               const arch::Frames& frames) {
  return page_walk::map_small<Entry>(virt, Entry::data(page.v, 1), node, frames);
}

template <class Entry>
bool PageWalk<Entry>::map_registers(uint64_t virt, mm::Phys page, const arch::Frames& frames) {
  if (!page_walk::map_small<Entry>(virt, Entry::registers(page.v), 0, frames)) return false;
  Entry::forget_all();  // an entry of a PAE root is read when CR3 is loaded
  return true;
}

template <class Entry>
bool PageWalk<Entry>::map_range(uint64_t virt, mm::Range pages, const mm::Window::Tables& tables) {
  const auto take = [&] {
    const mm::Phys page = tables.page();
    if (page != mm::Phys{0}) std::fill_n(table_map().at<uint8_t>(page), mm::kPageSize, 0);
    return page;
  };
  while (!pages.empty()) {
    const uint64_t large = uint64_t{1} << page_walk::shift_of<Entry>(2);
    const bool fits = (virt | pages.start.v) % large == 0 && pages.size() >= large;
    const unsigned level = fits ? 2 : 1;
    const uint64_t leaf = Entry::data(pages.start.v, level);
    if (!page_walk::map_at<Entry>(virt, leaf, level, take)) return false;
    virt += fits ? large : mm::kPageSize;
    pages.start += fits ? large : mm::kPageSize;
  }
  return true;
}

template <class Entry>
mm::Phys PageWalk<Entry>::unmap_page(uint64_t virt) {
  const Leaf leaf = find_leaf(virt, table_map());
  const mm::Phys page{Entry::address(read(leaf))};
  write(leaf, 0);
  Entry::forget(virt);
  return page;
}

template <class Entry>
std::optional<arch::Mapping> PageWalk<Entry>::translate(uint64_t root, uint64_t virt) {
  if (page_walk::canonical<Entry>(virt) != virt) return std::nullopt;
  page_walk::Rights<Entry> rights;
  uint64_t table = root;
  for (unsigned level = Entry::levels(); level >= 1; --level) {
    const uint64_t entry = page_walk::entry_of<Entry>(table_map(), table, level, virt);
    if (!Entry::is_present(entry)) return std::nullopt;
    rights = rights.with(entry, level);
    if (Entry::is_leaf(entry, level)) {
      const uint64_t size = uint64_t{1} << page_walk::shift_of<Entry>(level);
      return page_walk::leaf<Entry>(entry, level, virt & ~(size - 1), rights);
    }
    table = entry;
  }
  return std::nullopt;
}

template <class Entry>
void PageWalk<Entry>::walk(arch::VisitMapping visit, void* context) {
  const page_walk::Walk<Entry> walk{visit, context};
  (void)walk.table(Entry::address(arch::page_root()), Entry::levels(), 0, {});
}

template <class Entry>
bool PageWalk<Entry>::make_data(mm::Range range) {
  for (mm::Phys at = range.start; at < range.end;) {
    const Leaf leaf = find_leaf(at.v, table_map());
    const uint64_t size = uint64_t{1} << (leaf.entry == nullptr ? mm::kPageShift : leaf.shift);
    const mm::Range page{mm::align_down(at, size), mm::align_down(at, size) + size};
    at = page.end;
    if (leaf.entry == nullptr) continue;
    const uint64_t entry = read(leaf);
    if ((Entry::address(entry) & ~(size - 1)) != page.start.v) continue;
    const uint64_t wanted = Entry::as_data(entry);
    if (wanted == entry) continue;
    if (!range.contains(page)) return false;
    write(leaf, wanted);
  }
  Entry::forget_all();
  return true;
}

template <class Entry>
uint64_t PageWalk<Entry>::tables_for_small(uint64_t virt, uint64_t bytes) {
  uint64_t tables = 0;
  for (uint64_t at = virt; at < virt + bytes;) {
    const Leaf leaf = find_leaf(at, table_map());
    const uint64_t size = uint64_t{1} << (leaf.entry == nullptr ? mm::kPageShift : leaf.shift);
    const uint64_t next = (at & ~(size - 1)) + size;
    for (unsigned level = 2; page_walk::shift_of<Entry>(level) <= leaf.shift; ++level) {
      const unsigned shift = page_walk::shift_of<Entry>(level);
      tables += ((std::min(next, virt + bytes) - 1) >> shift) - (at >> shift) + 1;
    }
    at = next;
  }
  return tables;
}

template <class Entry>
bool PageWalk<Entry>::make_small(uint64_t virt, uint64_t bytes, const mm::DirectMap& tables,
                                 const mm::Window::Tables& pool) {
  using Word = typename Entry::Word;
  for (uint64_t at = virt; at < virt + bytes;) {
    const Leaf leaf = find_leaf(at, tables);
    const uint64_t size = uint64_t{1} << (leaf.entry == nullptr ? mm::kPageShift : leaf.shift);
    const uint64_t start = at & ~(size - 1);
    if (leaf.entry == nullptr || leaf.shift == mm::kPageShift) {
      at = start + size;
      continue;
    }
    // One level a time: what of it lies outside the range keeps the next larger pages.
    const mm::Phys below = pool.page();
    if (below == mm::Phys{0}) return false;
    unsigned level = 1;
    while (page_walk::shift_of<Entry>(level + 1) < leaf.shift) ++level;
    auto* const parts = tables.at<Word>(below);
    const uint64_t entry = read(leaf), first = Entry::address(entry) & ~(size - 1);
    for (uint64_t i = 0; i < page_walk::entries_in<Entry>(); ++i) {
      const uint64_t page = first + (i << page_walk::shift_of<Entry>(level));
      parts[i] = static_cast<Word>(Entry::part(entry, level, page));
    }
    Entry::replace(*static_cast<Word*>(leaf.entry),
                   static_cast<Word>(Entry::table(below.v, level + 1)), start);
  }
  Entry::forget_all();
  return true;
}

template <class Entry>
void PageWalk<Entry>::drop_identity() {
  if (Entry::levels() < 4) return;
  auto* const root =
      table_map().at<typename Entry::Word>(mm::Phys{Entry::address(arch::page_root())});
  std::fill_n(root, page_walk::entries_in<Entry>() / 2, 0);
  Entry::forget_all();
}

namespace page_walk {

// The entry of a page of 4 KiB, whatever it says; null: no table has one.
template <class Entry>
typename Entry::Word* small_entry(uint64_t virt) {
  uint64_t table = arch::page_root();
  for (unsigned level = Entry::levels();; --level) {
    typename Entry::Word& entry = entry_of<Entry>(table_map(), table, level, virt);
    if (level == 1) return &entry;
    if (!Entry::is_present(entry) || Entry::is_leaf(entry, level)) return nullptr;
    table = entry;
  }
}

}  // namespace page_walk

template <class Entry>
void PageWalk<Entry>::set_present(uint64_t virt, uint64_t pages, bool present) {
  constexpr uint64_t kFew = 32;  // of more all is forgotten at once
  const bool few = pages <= kFew;
  while (pages != 0) {
    auto* const entries = page_walk::small_entry<Entry>(virt);
    const uint64_t index = virt >> mm::kPageShift & (page_walk::entries_in<Entry>() - 1);
    const uint64_t here = std::min<uint64_t>(pages, page_walk::entries_in<Entry>() - index);
    for (uint64_t i = 0; entries != nullptr && i < here; ++i) {
      if (entries[i] == 0) continue;
      entries[i] = Entry::set_present(entries[i], present);
      if (!present && few) Entry::forget(virt + i * mm::kPageSize);
    }
    virt += here * mm::kPageSize;
    pages -= here;
  }
  if (present) {
    Entry::mapped();
  } else if (!few) {
    Entry::forget_all();
  }
}

template <class Entry>
std::optional<mm::Phys> PageWalk<Entry>::absent_page(uint64_t virt) {
  if (page_walk::canonical<Entry>(virt) != virt) return std::nullopt;
  const auto* const entry = page_walk::small_entry<Entry>(virt);
  if (entry == nullptr || *entry == 0 || Entry::is_present(*entry)) return std::nullopt;
  return mm::Phys{Entry::address(*entry)};
}

}  // namespace kernel

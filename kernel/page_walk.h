// The page tables in use, read and changed as the CPU reads them.
#pragma once

#include <cstdint>
#include <optional>

#include "kernel/arch.h"
#include "mm/direct_map.h"
#include "mm/window.h"

namespace kernel {

namespace arch {
// The root of the tables in use; and other tables, from here on.
[[nodiscard]] uint64_t page_root();
void set_page_root(uint64_t root);

// One entry of this architecture's tables (kernel/page_walk_impl.h).
struct PageEntry;

// --- Pages that are taken away for a while ---
// Tables that make_small_pages() takes for a range, at most.
[[nodiscard]] uint64_t tables_for_small_pages(uint64_t virt, uint64_t bytes);
// What is mapped of a range of the direct map is mapped by pages of 4 KiB from then on, with the same
// rights. While no other CPU runs. False: there were too few tables.
bool make_small_pages(uint64_t virt, uint64_t bytes, const mm::Window::Tables& tables);
// Where the direct map has all RAM, none is mapped at its own address any more.
void drop_identity_map();
// Whether pages are there that were mapped; their entries keep what else they say. On x86 another CPU that
// has used a page may still do so when it is taken away, until it forgets: as in Linux, whose
// __kernel_map_pages() asks nobody, since it may be called where another cannot be waited for. Arm's CPUs
// all forget it before this returns.
void set_present(uint64_t virt, uint64_t pages, bool present);
// Where the page of an address that was taken away so lies; nothing: it was not.
[[nodiscard]] std::optional<mm::Phys> absent_page(uint64_t virt);
}  // namespace arch

// Through which map tables are read: identity until told otherwise.
void set_table_map(const mm::DirectMap& map);
[[nodiscard]] const mm::DirectMap& table_map();

// The entry of the page that has an address, for PageWalk's read() and write(). `shift` is the
// logarithm of the page's size.
struct Leaf {
  void* entry = nullptr;  // null: it is not mapped
  unsigned shift = 0;
};

template <class Entry>
struct PageWalk {
  // Of a canonical address, in the tables in use.
  static Leaf find_leaf(uint64_t virt, const mm::DirectMap& tables);
  static uint64_t read(const Leaf& leaf);
  static void write(const Leaf& leaf, uint64_t entry);
  // Maps a page for reading and writing where none is mapped; tables that are missing on the way
  // are frames from `frames`, and stay. False when there is none.
  static bool map_page(uint64_t virt, mm::Phys page, mm::NodeId node, const arch::Frames& frames);
  // The same of a page of a device's registers, which are not cached.
  static bool map_registers(uint64_t virt, mm::Phys page, const arch::Frames& frames);
  // The first of a range, by pages of 2 MiB where they fit; tables are zeroed here.
  static bool map_range(uint64_t virt, mm::Range pages, const mm::Window::Tables& tables);
  // Takes it away again; every CPU that may have used it has to forget it. What it led to.
  static mm::Phys unmap_page(uint64_t virt);
  // What `virt` leads to in the tables of this root.
  static std::optional<arch::Mapping> translate(uint64_t root, uint64_t virt);
  // The seam's walk_mappings() and make_data().
  static void walk(arch::VisitMapping visit, void* context);
  static bool make_data(mm::Range range);
  // arch::tables_for_small_pages() and so on. The tables in use are reached through `tables`, never through
  // what is being changed, where CPUs want an entry to be taken away before another stands there.
  static uint64_t tables_for_small(uint64_t virt, uint64_t bytes);
  static bool make_small(uint64_t virt, uint64_t bytes, const mm::DirectMap& tables,
                         const mm::Window::Tables& pool);
  static void drop_identity();
  static void set_present(uint64_t virt, uint64_t pages, bool present);
  static std::optional<mm::Phys> absent_page(uint64_t virt);
};
using PageTables = PageWalk<arch::PageEntry>;

}  // namespace kernel

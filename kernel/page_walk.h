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
};
using PageTables = PageWalk<arch::PageEntry>;

}  // namespace kernel

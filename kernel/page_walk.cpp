#include "kernel/page_walk.h"

namespace kernel {
namespace {

constinit mm::DirectMap the_map;

// Where tables are while the direct map changes: at their own addresses, if RAM is there.
mm::DirectMap untouched_map() { return sizeof(uintptr_t) == 8 ? mm::DirectMap() : the_map; }

}  // namespace

void set_table_map(const mm::DirectMap& map) { the_map = map; }

const mm::DirectMap& table_map() { return the_map; }

namespace arch {

void walk_mappings(VisitMapping visit, void* context) { PageTables::walk(visit, context); }

bool make_data(mm::Range range) { return PageTables::make_data(range); }

bool map_register_page(uint64_t virt, mm::Phys page, const Frames& frames) {
  return PageTables::map_registers(virt, page, frames);
}

uint64_t tables_for_small_pages(uint64_t virt, uint64_t bytes) {
  return PageTables::tables_for_small(virt, bytes);
}

bool make_small_pages(uint64_t virt, uint64_t bytes, const mm::Window::Tables& tables) {
  return PageTables::make_small(virt, bytes, untouched_map(), tables);
}

void drop_identity_map() { PageTables::drop_identity(); }

void set_present(uint64_t virt, uint64_t pages, bool present) {
  PageTables::set_present(virt, pages, present);
}

std::optional<mm::Phys> absent_page(uint64_t virt) { return PageTables::absent_page(virt); }

std::optional<Mapping> find_mapping(uint64_t virt) {
  return PageTables::translate(page_root(), virt);
}

std::optional<mm::Phys> first_unmapped(const void* base, mm::Range range) {
  const auto zero = reinterpret_cast<uintptr_t>(base);
  for (mm::Phys at = range.start; at < range.end;) {
    const auto virt = static_cast<uintptr_t>(zero + at.v);
    const auto mapping = find_mapping(virt);
    if (!mapping) return at;
    at += mapping->virt + mapping->size - virt;
  }
  return std::nullopt;
}

bool is_mapped(const void* base, mm::Range range) {
  return !first_unmapped(base, range).has_value();
}

}  // namespace arch
}  // namespace kernel

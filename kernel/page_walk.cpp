#include "kernel/page_walk.h"

namespace kernel {
namespace {

constinit mm::DirectMap the_map;

}  // namespace

void set_table_map(const mm::DirectMap& map) { the_map = map; }

const mm::DirectMap& table_map() { return the_map; }

namespace arch {

void walk_mappings(VisitMapping visit, void* context) { PageTables::walk(visit, context); }

bool make_data(mm::Range range) { return PageTables::make_data(range); }

bool map_register_page(uint64_t virt, mm::Phys page, const Frames& frames) {
  return PageTables::map_registers(virt, page, frames);
}

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

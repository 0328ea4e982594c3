// IA-32's page tables, in the form that is in use (page_forms.h).
#include "kernel/page_walk.h"

#include <array>

#include "kernel/ia32/page_forms.h"
#include "kernel/ia32/space.h"
#include "kernel/narrow/kmap.h"
#include "kernel/page_walk_impl.h"

namespace kernel {

template struct PageWalk<ia32::PaeEntry>;
template struct PageWalk<ia32::PlainEntry>;

namespace arch {

// What kernel/page_walk.h names: whichever form it is.
struct PageEntry {};

uint64_t page_root() { return x86::read_cr3(); }

void set_page_root(uint64_t root) { x86::write_cr3(root); }

TableLevels table_levels(unsigned paging_levels) {
  static constexpr TableLevel kPae[] = {{"PT", 12}, {"PD", 21}, {"PDPT", 30}};
  static constexpr TableLevel kPlain[] = {{"PT", 12, 10}, {"PD", 22, 10}};
  if (paging_levels == 2) return {kPlain, 32};
  return {kPae, 38};
}

// Lowmem has a stretch for any mem_map that it has room for.
mm::Window mem_map_window() { return {}; }

}  // namespace arch

template <>
Leaf PageWalk<arch::PageEntry>::find_leaf(uint64_t virt, const mm::DirectMap& tables) {
  return ia32::by_form([&](auto walk) { return walk.find_leaf(virt, tables); });
}

template <>
uint64_t PageWalk<arch::PageEntry>::read(const Leaf& leaf) {
  return ia32::by_form([&](auto walk) { return walk.read(leaf); });
}

template <>
void PageWalk<arch::PageEntry>::write(const Leaf& leaf, uint64_t entry) {
  ia32::by_form([&](auto walk) { walk.write(leaf, entry); });
}

template <>
bool PageWalk<arch::PageEntry>::map_page(uint64_t virt, mm::Phys page, mm::NodeId node,
                                         const arch::Frames& frames) {
  return ia32::by_form([&](auto walk) { return walk.map_page(virt, page, node, frames); });
}

template <>
bool PageWalk<arch::PageEntry>::map_registers(uint64_t virt, mm::Phys page,
                                              const arch::Frames& frames) {
  return ia32::by_form([&](auto walk) { return walk.map_registers(virt, page, frames); });
}

template <>
mm::Phys PageWalk<arch::PageEntry>::unmap_page(uint64_t virt) {
  return ia32::by_form([&](auto walk) { return walk.unmap_page(virt); });
}

template <>
std::optional<arch::Mapping> PageWalk<arch::PageEntry>::translate(uint64_t root, uint64_t virt) {
  return ia32::by_form([&](auto walk) { return walk.translate(root, virt); });
}

template <>
void PageWalk<arch::PageEntry>::walk(arch::VisitMapping visit, void* context) {
  ia32::by_form([&](auto walk) { walk.walk(visit, context); });
}

template <>
bool PageWalk<arch::PageEntry>::make_data(mm::Range range) {
  return ia32::by_form([&](auto walk) { return walk.make_data(range); });
}

template <>
uint64_t PageWalk<arch::PageEntry>::tables_for_small(uint64_t virt, uint64_t bytes) {
  return ia32::by_form([&](auto walk) { return walk.tables_for_small(virt, bytes); });
}

namespace ia32 {
namespace {

constinit mm::Phys runtime_tables{};

// Without PAE the root's entries are the large pages, and the runtime services' root has its own.
void copy_to_runtime(uint64_t virt, uint64_t bytes) {
  constexpr unsigned kShift = 22;
  if (x86::has_wide_entries() || runtime_tables == mm::Phys{0}) return;
  const auto* const root = table_map().at<const uint32_t>(mm::Phys{arch::page_root()});
  auto* const runtime = table_map().at<uint32_t>(runtime_tables);
  for (uint64_t i = virt >> kShift; i <= (virt + bytes - 1) >> kShift; ++i) runtime[i] = root[i];
}

}  // namespace
}  // namespace ia32

template <>
bool PageWalk<arch::PageEntry>::make_small(uint64_t virt, uint64_t bytes,
                                           const mm::DirectMap& tables,
                                           const mm::Window::Tables& pool) {
  const bool made =
      ia32::by_form([&](auto walk) { return walk.make_small(virt, bytes, tables, pool); });
  if (made) ia32::copy_to_runtime(virt, bytes);
  return made;
}

template <>
void PageWalk<arch::PageEntry>::drop_identity() {}  // there is none

template <>
void PageWalk<arch::PageEntry>::set_present(uint64_t virt, uint64_t pages, bool present) {
  ia32::by_form([&](auto walk) { walk.set_present(virt, pages, present); });
}

template <>
std::optional<mm::Phys> PageWalk<arch::PageEntry>::absent_page(uint64_t virt) {
  return ia32::by_form([&](auto walk) { return walk.absent_page(virt); });
}

namespace ia32 {
namespace {

// That of the other CPUs' own pages; the other window's are kmap's.
alignas(mm::kPageSize) constinit std::array<uint32_t, 1024> areas_table{};

}  // namespace

void open_windows(mm::Phys runtime_root) {
  narrow::open_kmap();
  runtime_tables = runtime_root;
  if (x86::has_wide_entries()) return;
  constexpr uint64_t kReach = 4 * mm::kMiB;
  static_assert(kAreas.start % kReach == 0 && kAreas.size == kReach);
  static_assert(kPkmap.start == kAreas.start + kReach && kFixmap.start < kPkmap.start + kReach);
  const auto virt = reinterpret_cast<uintptr_t>(areas_table.data());
  const auto mapping = arch::find_mapping(virt);
  auto* const root = table_map().at<uint32_t>(mm::Phys{arch::page_root()});
  root[kAreas.start / kReach] = static_cast<uint32_t>(
      PlainEntry::table(mapping->phys + (virt - mapping->virt), PlainEntry::levels()));
  auto* const runtime = table_map().at<uint32_t>(runtime_root);
  for (const Window& window : {kAreas, kPkmap}) {
    runtime[window.start / kReach] = root[window.start / kReach];
  }
}

}  // namespace ia32
}  // namespace kernel

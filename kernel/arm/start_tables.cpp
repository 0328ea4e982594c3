#include "start_tables.h"

#include "kernel/arm/cpu.h"
#include "kernel/arm/tables.h"

// What secondary_entry loads, in its order, past caches. NOLINTBEGIN(readability-identifier-naming)
struct SecondaryFields {
  uint32_t ttbr0, dacr, sctlr, then;
};
extern "C" {
extern char secondary_entry[], secondary_mapped[];
alignas(64) constinit SecondaryFields secondary_fields{};
}
// NOLINTEND(readability-identifier-naming)

namespace kernel::bsa {
namespace {

uint32_t address(const void* at) { return reinterpret_cast<uintptr_t>(at); }

mm::Phys physical(const void* at) {
  const auto mapping = arch::find_mapping(address(at));
  return mm::Phys{mapping->phys + (address(at) - mapping->virt)};
}

}  // namespace

StartTables::~StartTables() {
  if (page_ == mm::Phys{0}) return;
  const auto virt = static_cast<uint32_t>(page_.v);
  arm::change(arm::find_place(virt), virt, 0);
  if (table_ == mm::Phys{0}) return;
  arm::unlink_tables(virt, table_);
  frames_.give(frames_.context, mm::pfn_down(table_));
}

mm::Result<mm::Phys> StartTables::make() {
  const mm::Phys entry = physical(secondary_entry);
  const mm::Phys page = mm::align_down(entry, mm::kPageSize);
  const auto virt = static_cast<uint32_t>(page.v);
  if (arch::find_mapping(virt)) {
    return mm::Error{"something is mapped where they begin (address {:#x})", "smp", page.v};
  }
  const bool mapped = arm::map_small_page(virt, page, arm::kCode, [&] {
    const mm::PagesOr frame =
        frames_.take(frames_.context, mm::kGfpKernel | mm::kGfpFlagZero, mm::NodeId{0});
    if (frame) table_ = mm::phys(frame.value());
    return table_;
  });
  if (!mapped) return mm::Error{"no memory for a page table", "smp"};
  page_ = page;
  secondary_fields = {arm::read_ttbr0(), arm::read_dacr(), arm::read_sctlr(),
                      address(secondary_mapped)};
  arm::clean_and_forget(address(&secondary_fields), sizeof secondary_fields);
  return entry;
}

}  // namespace kernel::bsa

#include "start_tables.h"

#include "kernel/aarch64/cpu.h"
#include "kernel/page_walk.h"
#include "loader/handoff/aarch64/translation.h"

// What secondary_entry loads, in its order, past caches. NOLINTBEGIN(readability-identifier-naming)
struct SecondaryFields {
  uint64_t mair, tcr, idmap, upper, sctlr, cpacr, root, then;
};
extern "C" {
extern char secondary_entry[], secondary_mapped[];
alignas(64) constinit SecondaryFields secondary_fields{};
}
// NOLINTEND(readability-identifier-naming)

namespace kernel::bsa {
namespace {

mm::Phys physical(const void* at) {
  const auto virt = reinterpret_cast<uint64_t>(at);
  const auto mapping = arch::find_mapping(virt);
  return mm::Phys{mapping->phys + (virt - mapping->virt)};
}

}  // namespace

StartTables::~StartTables() {
  for (size_t i = 0; i < count_; ++i) frames_.give(frames_.context, mm::pfn_down(tables_[i]));
}

// At its own address, to be run.
mm::Result<mm::Phys> StartTables::map(mm::Phys page) {
  constexpr uint64_t kTable = 3, kReadOnly = 1u << 7, kInner = 3u << 8, kAccessed = 1u << 10;
  while (count_ < tables_.size()) {
    const mm::PagesOr frame =
        frames_.take(frames_.context, mm::kGfpKernel | mm::kGfpFlagZero, mm::NodeId{0});
    if (!frame) return mm::Error{"no memory for page tables", "smp"};
    tables_[count_++] = mm::phys(frame.value());
  }
  for (unsigned i = 0; i < tables_.size(); ++i) {
    const unsigned shift = mm::kPageShift + 9 * (3 - i);
    uint64_t& entry = table_map().at<uint64_t>(tables_[i])[page.v >> shift & 511];
    entry = i < 3 ? tables_[i + 1].v | kTable
                  : page.v | kTable | kReadOnly | kInner | kAccessed |
                        uint64_t{loader::aarch64::kWriteBack} << 2;
  }
  asm volatile("dsb ish" : : : "memory");
  return tables_[0];
}

mm::Result<mm::Phys> StartTables::make() {
  const mm::Phys entry = physical(secondary_entry);
  const mm::Phys idmap = BATON_TRY(map(mm::align_down(entry, mm::kPageSize)));
  secondary_fields = {KERNEL_READ(mair_el1),
                      KERNEL_READ(tcr_el1),
                      idmap.v,
                      KERNEL_READ(ttbr1_el1),
                      KERNEL_READ(sctlr_el1),
                      KERNEL_READ(cpacr_el1),
                      arch::page_root(),
                      reinterpret_cast<uint64_t>(secondary_mapped)};
  aarch64::clean_and_forget(reinterpret_cast<uint64_t>(&secondary_fields), sizeof secondary_fields);
  return entry;
}

}  // namespace kernel::bsa

#include "loader/arch.h"
#include "loader/handoff/handoff.h"
#include "loader/ia32/page_entry.h"
#include "loader/page_tables_impl.h"

namespace loader {

struct ArchEntry : ia32::PaeEntry {};
template class TableBuilder<ArchEntry>;

ElfKind elf_kind() {
  constexpr uint16_t k386 = 3;  // System V ABI, Intel386 supplement
  return {.machine = k386, .wide = false};
}

bool has_pc_low_memory() { return true; }

const char* entry_architecture() { return "ia32"; }

AddressSpace address_space(const PagingFeatures& /*paging*/) {
  return {.direct_map = kNarrowDirectMap,
          .direct_map_size = kNarrowLowmem,
          .identity_size = kNarrowDirectMap,
          .narrow = true,
          .kept = {mm::VirtualRange{kNarrowKernel, kNarrowKernel + kNarrowKernelSize}}};
}

}  // namespace loader

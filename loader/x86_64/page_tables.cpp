#include "loader/arch.h"
#include "loader/handoff/handoff.h"
#include "loader/page_tables_impl.h"
#include "loader/x86_64/page_entry.h"

namespace loader {

struct ArchEntry : x86_64::PageEntry {};
template class TableBuilder<ArchEntry>;

ElfKind elf_kind() {
  constexpr uint16_t kAmd64 = 62;  // x86-64 psABI, section 4.1
  return {.machine = kAmd64, .wide = true};
}

const char* entry_architecture() { return "x64"; }

bool has_pc_low_memory() { return true; }

// The direct map goes on to the next thing in the upper half (Linux's
// Documentation/x86/x86_64/mm.rst): 64 TiB, with five levels 32 PiB.
AddressSpace address_space(const PagingFeatures& paging) {
  if (paging.levels == 5) return {kDirectMap5Level, uint64_t{1} << 55, uint64_t{1} << 56};
  return {kDirectMap4Level, uint64_t{1} << 46, uint64_t{1} << 47};
}

}  // namespace loader

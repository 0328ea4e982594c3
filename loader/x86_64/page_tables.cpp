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
  const bool five = paging.levels == 5;
  return {.direct_map = five ? kDirectMap5Level : kDirectMap4Level,
          .direct_map_size = uint64_t{1} << (five ? 55 : 46),
          .identity_size = uint64_t{1} << (five ? 56 : 47)};
}

}  // namespace loader

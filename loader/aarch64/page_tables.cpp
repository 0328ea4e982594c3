#include "loader/aarch64/page_entry.h"
#include "loader/arch.h"
#include "loader/handoff/handoff.h"
#include "loader/page_tables_impl.h"

namespace loader {

struct ArchEntry : aarch64::PageEntry {};
template class TableBuilder<ArchEntry>;

ElfKind elf_kind() {
  constexpr uint16_t kAArch64 = 183;  // ELF for the Arm 64-bit architecture, section 5.2
  return {.machine = kAArch64, .wide = true};
}

const char* entry_architecture() { return "aa64"; }

bool has_pc_low_memory() { return false; }

// As x86-64's with four levels.
AddressSpace address_space(const PagingFeatures& /*paging*/) {
  return {.direct_map = kDirectMap4Level,
          .direct_map_size = uint64_t{1} << 46,
          .identity_size = uint64_t{1} << aarch64::kAddressBits};
}

}  // namespace loader

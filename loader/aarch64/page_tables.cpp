#include "loader/arch.h"
#include "loader/handoff/handoff.h"
#include "loader/page_tables_impl.h"

namespace loader {

template class TableBuilder<aarch64::PageEntry>;

PagingFeatures paging_for(const PagingFeatures& cpu, std::string_view /*options*/) { return cpu; }

std::span<const ElfKind> elf_kinds() {
  // ELF for the Arm 64-bit architecture, section 5.2.
  static constexpr ElfKind kKinds[] = {{.machine = 183, .wide = true}};
  return kKinds;
}

const char* entry_architecture() { return "aa64"; }

bool has_pc_low_memory() { return false; }

// As x86-64's with four levels.
AddressSpace address_space(const PagingFeatures& /*paging*/) {
  return {.direct_map = kDirectMap4Level,
          .direct_map_end = kDirectMapEnd4Level,
          .direct_map_size = uint64_t{1} << 46,
          .identity_size = uint64_t{1} << aarch64::kAddressBits};
}

}  // namespace loader

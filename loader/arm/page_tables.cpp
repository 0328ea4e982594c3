#include "loader/arch.h"
#include "loader/arm/space.h"
#include "loader/page_tables_impl.h"

namespace loader {

template class TableBuilder<arm::PageEntry>;

PagingFeatures paging_for(const PagingFeatures& cpu, std::string_view /*options*/) { return cpu; }

std::span<const ElfKind> elf_kinds() {
  // ELF for the Arm architecture, section 4.3.
  static constexpr ElfKind kKinds[] = {{.machine = 40, .wide = false}};
  return kKinds;
}

bool has_pc_low_memory() { return false; }

const char* entry_architecture() { return "arm"; }

AddressSpace address_space(const PagingFeatures& paging) {
  return arm::address_space(paging.first_ram);
}

}  // namespace loader

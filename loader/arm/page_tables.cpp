#include "loader/arch.h"
#include "loader/arm/page_entry.h"
#include "loader/arm/space.h"
#include "loader/page_tables_impl.h"

namespace loader {

struct ArchEntry : arm::PageEntry {};
template class TableBuilder<ArchEntry>;

ElfKind elf_kind() {
  constexpr uint16_t kArm = 40;  // ELF for the Arm architecture, section 4.3
  return {.machine = kArm, .wide = false};
}

bool has_pc_low_memory() { return false; }

const char* entry_architecture() { return "arm"; }

AddressSpace address_space(const PagingFeatures& paging) {
  return arm::address_space(paging.first_ram);
}

}  // namespace loader

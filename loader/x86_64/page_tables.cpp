#include "loader/arch.h"
#include "loader/page_tables_impl.h"
#include "loader/x86_64/space.h"

namespace loader {

template class TableBuilder<x86_64::PageEntry>;

PagingFeatures paging_for(const PagingFeatures& cpu, std::string_view /*options*/) { return cpu; }

std::span<const ElfKind> elf_kinds() {
  static constexpr ElfKind kKinds[] = {x86_64::kElfKind};
  return kKinds;
}

const char* entry_architecture() { return "x64"; }

bool has_pc_low_memory() { return true; }

AddressSpace address_space(const PagingFeatures& paging) {
  return x86_64::address_space(paging.levels);
}

}  // namespace loader

#include "loader/arch.h"
#include "loader/handoff/handoff.h"
#include "loader/page_tables_impl.h"
#include "loader/x86_64/space.h"
#include "mm/option_words.h"

namespace loader {

template class TableBuilder<ia32::PlainEntry>;
template class TableBuilder<ia32::PaeEntry>;
template class TableBuilder<x86_64::PageEntry>;

// Linux's word for it.
PagingFeatures paging_for(const PagingFeatures& cpu, std::string_view options) {
  return mm::has_option_word(options, "nopae") ? ia32::without_pae(cpu) : cpu;
}

std::span<const ElfKind> elf_kinds() {
  // System V ABI, Intel386 supplement.
  static constexpr ElfKind kKinds[] = {{.machine = 3, .wide = false}, x86_64::kElfKind};
  return kKinds;
}

bool has_pc_low_memory() { return true; }

const char* entry_architecture() { return "ia32"; }

AddressSpace address_space(const PagingFeatures& paging) {
  if (paging.levels >= x86_64::PageEntry::kFewestLevels) {
    return x86_64::address_space(paging.levels);
  }
  const bool plain = paging.levels == ia32::kPlainLevels;
  return {.direct_map = kNarrowDirectMap,
          .direct_map_size = plain ? kNarrowLowmemPlain : kNarrowLowmem,
          .identity_size = kNarrowDirectMap,
          .narrow = true,
          .kept = {mm::VirtualRange{kNarrowKernel, kNarrowKernel + kNarrowKernelSize}}};
}

}  // namespace loader

// IA-32's page tables with physical address extension (Intel SDM vol. 3A, section 4.4).
#include "kernel/page_walk.h"

#include "kernel/page_walk_impl.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/page_bits.h"

namespace kernel {
namespace arch {

struct PageEntry : x86::PageBits {
  static constexpr unsigned kRootLevel = 3;  // its four entries have no rights of their own
  static unsigned levels() { return kRootLevel; }
  static bool writable(uint64_t entry, unsigned level) {
    return level == kRootLevel || (entry & kWrite) != 0;
  }
  static uint64_t table(uint64_t table, unsigned level) {
    return table | kPresent | (level == kRootLevel ? 0 : kWrite);
  }
  // RAM is nowhere at its own address.
  static uint64_t as_data(uint64_t /*leaf*/) { return 0; }
};

uint64_t page_root() { return x86::read_cr3(); }

void set_page_root(uint64_t root) { x86::write_cr3(root); }

TableLevels table_levels(unsigned /*paging_levels*/) {
  static constexpr TableLevel kLevels[] = {{"PT", 12}, {"PD", 21}, {"PDPT", 30}};
  return {kLevels, 38};
}

// Lowmem has a stretch for any mem_map that it has room for.
mm::Window mem_map_window() { return {}; }

}  // namespace arch

template struct PageWalk<arch::PageEntry>;

}  // namespace kernel

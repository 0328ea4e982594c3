// x86-64's page tables (Intel SDM vol. 3A, chapter 4).
#include "kernel/page_walk.h"

#include "kernel/page_walk_impl.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/page_bits.h"

namespace kernel {
namespace arch {
namespace {

// Where Linux has its vmemmap (Documentation/arch/x86/x86_64/mm.rst).
constexpr uint64_t kWindow4Level = 0xffff'ea00'0000'0000, kWindow4LevelSize = mm::kTiB;
constexpr uint64_t kWindow5Level = 0xffd4'0000'0000'0000, kWindow5LevelSize = 512 * mm::kTiB;

constinit uint64_t window_used = 0;  // bytes

}  // namespace

struct PageEntry : x86::PageBits {
  static unsigned levels() { return (x86::read_cr4() & x86::kCr4La57) != 0 ? 5 : 4; }
  static bool writable(uint64_t entry, unsigned /*level*/) { return (entry & kWrite) != 0; }
  static uint64_t table(uint64_t table, unsigned /*level*/) { return table | kPresent | kWrite; }
};

uint64_t page_root() { return x86::read_cr3(); }

void set_page_root(uint64_t root) { x86::write_cr3(root); }

// Intel SDM vol. 3A, section 4.2; vol. 1, section 3.3.7.1 for the bits above.
TableLevels table_levels(unsigned paging_levels) {
  static constexpr TableLevel kLevels[] = {
      {"PT", 12}, {"PD", 21}, {"PDPT", 30}, {"PML4", 39}, {"PML5", 48}};
  return {std::span(kLevels).first(paging_levels), paging_levels == 5 ? 56u : 47u};
}

mm::Window mem_map_window() {
  const auto reserve = [](void*, uint64_t bytes) -> void* {
    const bool five = PageEntry::levels() == 5;
    bytes = mm::align_up(bytes, mm::Window::kLargePiece);
    if (bytes > (five ? kWindow5LevelSize : kWindow4LevelSize) - window_used) {
      return nullptr;
    }
    const uint64_t start = (five ? kWindow5Level : kWindow4Level) + window_used;
    window_used += bytes;
    return reinterpret_cast<void*>(start);  // NOLINT: addresses that are nobody's
  };
  const auto map = [](void*, void* at, mm::Range frames, const mm::Window::Tables& tables) {
    return PageTables::map_range(reinterpret_cast<uintptr_t>(at), frames, tables);
  };
  return {.reserve = reserve, .map = map};
}

}  // namespace arch

template struct PageWalk<arch::PageEntry>;

}  // namespace kernel

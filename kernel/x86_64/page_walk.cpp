// x86-64's page tables (Intel SDM vol. 3A, chapter 4).
#include "kernel/page_walk.h"

#include "kernel/page_walk_impl.h"
#include "kernel/x86_64/cpu.h"

namespace kernel {
namespace arch {
namespace {

constexpr uint64_t kPresent = 1, kWrite = 2, kLarge = 1 << 7, kNoExecute = uint64_t{1} << 63;
constexpr uint64_t kWriteThrough = 1 << 3, kCacheDisable = 1 << 4, kPatSmall = 1 << 7,
                   kPatLarge = 1 << 12;
constexpr uint64_t kAddressMask = 0x000f'ffff'ffff'f000;

// Where Linux has its vmemmap (Documentation/arch/x86/x86_64/mm.rst).
constexpr uint64_t kWindow4Level = 0xffff'ea00'0000'0000, kWindow4LevelSize = mm::kTiB;
constexpr uint64_t kWindow5Level = 0xffd4'0000'0000'0000, kWindow5LevelSize = 512 * mm::kTiB;

constinit uint64_t window_used = 0;  // bytes

}  // namespace

struct PageEntry {
  static unsigned levels() { return (x86::read_cr4() & x86::kCr4La57) != 0 ? 5 : 4; }
  static bool is_present(uint64_t entry) { return (entry & kPresent) != 0; }
  static bool is_leaf(uint64_t entry, unsigned level) {
    return level == 1 || (entry & kLarge) != 0;
  }
  static uint64_t address(uint64_t entry) { return entry & kAddressMask; }
  static bool writable(uint64_t entry) { return (entry & kWrite) != 0; }
  static bool executable(uint64_t entry) { return (entry & kNoExecute) == 0; }
  // The entry's three bits choose a byte of the PAT (Intel SDM vol. 3A, section 12.12; its table
  // 12-10 for the numbers). Every x86-64 CPU has one.
  static Caching caching(uint64_t entry, unsigned level) {
    using enum Caching;
    const uint64_t pat_bit = level == 1 ? kPatSmall : kPatLarge;
    const unsigned index = ((entry & pat_bit) != 0 ? 4u : 0u) |
                           ((entry & kCacheDisable) != 0 ? 2u : 0u) |
                           ((entry & kWriteThrough) != 0 ? 1u : 0u);
    switch (x86::rdmsr(x86::kMsrPat) >> (8 * index) & 7) {
      case 1:
        return WriteCombining;
      case 4:
        return WriteThrough;
      case 5:
        return WriteProtected;
      case 6:
        return WriteBack;
      default:
        return Uncached;
    }
  }

  static uint64_t data(uint64_t page, unsigned level) {
    return page | kPresent | kWrite | (level == 1 ? 0 : kLarge) |
           (has_no_execute() ? kNoExecute : 0);
  }
  static uint64_t table(uint64_t table) { return table | kPresent | kWrite; }
  static uint64_t as_data(uint64_t leaf) {
    return leaf | kWrite | (has_no_execute() ? kNoExecute : 0);
  }
  static void mapped() {}
  static void forget(uint64_t virt) { asm volatile("invlpg (%0)" : : "r"(virt) : "memory"); }
  static void forget_all() { x86::write_cr3(x86::read_cr3()); }
};

uint64_t page_root() { return x86::read_cr3(); }

void set_page_root(uint64_t root) { x86::write_cr3(root); }

// Intel SDM vol. 3A, section 4.2; vol. 1, section 3.3.7.1 for the bits above.
TableLevels table_levels(unsigned paging_levels) {
  static constexpr const char* kNames[] = {"PT", "PD", "PDPT", "PML4", "PML5"};
  return {std::span(kNames).first(paging_levels), paging_levels == 5 ? 56u : 47u};
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

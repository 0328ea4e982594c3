// AArch64's page tables (Arm ARM, section D8.3), as the loader made them
// (loader/handoff/aarch64/translation.h).
#include "kernel/page_walk.h"

#include "kernel/aarch64/cpu.h"
#include "kernel/page_walk_impl.h"
#include "loader/handoff/aarch64/translation.h"

namespace kernel {
namespace arch {
namespace {

using loader::aarch64::MemoryType;

constexpr uint64_t kValid = 1, kTableOrPage = 2, kReadOnly = 1u << 7;
constexpr unsigned kTypeShift = 2;
constexpr uint64_t kType = 7u << kTypeShift;
constexpr uint64_t kInnerShareable = 3u << 8, kAccessed = 1u << 10;
constexpr uint64_t kNotRun = uint64_t{1} << 53, kNotRunByUser = uint64_t{1} << 54;
constexpr uint64_t kAddressMask = 0x0000'ffff'ffff'f000;

// As on x86-64.
constexpr uint64_t kWindow = 0xffff'ea00'0000'0000, kWindowSize = mm::kTiB;
constinit uint64_t window_used = 0;  // bytes

}  // namespace

struct PageEntry {
  using Word = uint64_t;
  static constexpr unsigned kIndexBits = 9;
  static constexpr bool kSigned = true;
  static unsigned levels() { return 4; }
  static bool is_present(uint64_t entry) { return (entry & kValid) != 0; }
  static bool is_leaf(uint64_t entry, unsigned level) {
    return level == 1 || (entry & kTableOrPage) == 0;
  }
  static uint64_t address(uint64_t entry) { return entry & kAddressMask; }
  // Entries that lead to tables have neither bit.
  static bool writable(uint64_t entry, unsigned /*level*/) { return (entry & kReadOnly) == 0; }
  static bool executable(uint64_t entry) { return (entry & kNotRun) == 0; }
  static Caching caching(uint64_t entry, unsigned /*level*/) {
    switch ((entry & kType) >> kTypeShift) {
      case MemoryType::kNotCached:
        return Caching::WriteCombining;  // stores may be gathered
      case MemoryType::kWriteThrough:
        return Caching::WriteThrough;
      case MemoryType::kWriteBack:
        return Caching::WriteBack;
      default:
        return Caching::Uncached;
    }
  }

  static uint64_t data(uint64_t page, unsigned level) {
    return page | kValid | (level == 1 ? kTableOrPage : 0) | kInnerShareable | kAccessed | kNotRun |
           kNotRunByUser | uint64_t{MemoryType::kWriteBack} << kTypeShift;
  }
  static uint64_t registers(uint64_t page) {
    return (data(page, 1) & ~kType) | uint64_t{MemoryType::kDevice} << kTypeShift;
  }
  static uint64_t table(uint64_t table, unsigned /*level*/) {
    return table | kValid | kTableOrPage;
  }
  static uint64_t as_data(uint64_t leaf) { return (leaf & ~kReadOnly) | kNotRun; }
  static uint64_t part(uint64_t leaf, unsigned level, uint64_t page) {
    return (leaf & ~kAddressMask) | page | (level == 1 ? kTableOrPage : 0);
  }
  // Not both at a time (Arm ARM, section D8.14.1). Interrupts are masked meanwhile: their controller's
  // registers are mapped beside.
  static void replace(uint64_t& entry, uint64_t with, uint64_t virt) {
    const bool on = mask_interrupts();
    __atomic_store_n(&entry, 0, __ATOMIC_RELAXED);
    forget(virt);
    __atomic_store_n(&entry, with, __ATOMIC_RELAXED);
    mapped();
    restore_interrupts(on);
  }
  static uint64_t set_present(uint64_t entry, bool present) {
    return present ? entry | kValid : entry & ~kValid;
  }
  // A walk that follows sees it.
  static void mapped() { asm volatile("dsb ishst\n\tisb" : : : "memory"); }
  static void forget(uint64_t virt) {
    asm volatile("dsb ishst\n\ttlbi vaae1is, %0\n\tdsb ish\n\tisb"
                 :
                 : "r"(virt >> mm::kPageShift & 0xfff'ffff'ffff)
                 : "memory");
  }
  static void forget_all() {
    asm volatile("dsb ishst\n\ttlbi vmalle1is\n\tdsb ish\n\tisb" : : : "memory");
  }
};

uint64_t page_root() { return KERNEL_READ(ttbr0_el1) & kAddressMask; }

void set_page_root(uint64_t root) {
  KERNEL_WRITE(ttbr0_el1, root);
  KERNEL_WRITE(ttbr1_el1, root + loader::aarch64::kUpperHalfOfRoot);
  asm volatile("isb\n\ttlbi vmalle1\n\tdsb nsh\n\tisb" : : : "memory");
}

TableLevels table_levels(unsigned /*paging_levels*/) {
  static constexpr TableLevel kLevels[] = {
      {"PTE", 12}, {"PMD", 21}, {"PUD", 30}, {"PGD", 39}};  // Linux's
  return {kLevels, 47};
}

mm::Window mem_map_window() {
  const auto reserve = [](void*, uint64_t bytes) -> void* {
    bytes = mm::align_up(bytes, mm::Window::kLargePiece);
    if (bytes > kWindowSize - window_used) return nullptr;
    const uint64_t start = kWindow + window_used;
    window_used += bytes;
    return reinterpret_cast<void*>(start);  // NOLINT: addresses that are nobody's
  };
  const auto map = [](void*, void* at, mm::Range frames, const mm::Window::Tables& tables) {
    return PageTables::map_range(reinterpret_cast<uintptr_t>(at), frames, tables);
  };
  return {.reserve = reserve, .map = map};
}

// An entry is taken away before another type of memory stands there (Arm ARM, section D8.14.1).
uint64_t combine_writes(uint64_t virt, uint64_t size, const mm::DirectMap& tables) {
  uint64_t changed = 0;
  for (uint64_t at = virt; at < virt + size;) {
    const Leaf leaf = PageTables::find_leaf(at, tables);
    if (leaf.entry == nullptr) break;
    const uint64_t page = uint64_t{1} << leaf.shift;
    const uint64_t start = at & ~(page - 1);
    const uint64_t entry = PageTables::read(leaf);
    if (start >= virt && start + page <= virt + size &&
        (entry & kType) >> kTypeShift == MemoryType::kDevice) {
      PageTables::write(leaf, 0);
      PageEntry::forget(start);
      PageTables::write(leaf, (entry & ~kType) | uint64_t{MemoryType::kNotCached} << kTypeShift);
      PageEntry::mapped();
      changed += page;
    }
    at = start + page;
  }
  return changed;
}

}  // namespace arch

template struct PageWalk<arch::PageEntry>;

}  // namespace kernel

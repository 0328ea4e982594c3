// Write-combining for device memory that is only written, such as a framebuffer: on a bus, bursts
// are many times faster than stores one by one. An entry of the PAT that nobody else uses selects
// it (Intel SDM vol. 3A, section 12.12); pages that reach beyond the range stay as they are.
#include <utility>

#include "kernel/arch.h"
#include "kernel/page_walk.h"
#include "kernel/x86/cpu.h"

namespace kernel::x86 {
namespace {

constexpr uint64_t kWriteCombining = 1;
// Entry 4 is what an entry with the PAT bit alone selects; at reset it repeats entry 0, and neither
// our loader nor our kernel sets that bit.
constexpr unsigned kEntry = 4;

constexpr uint64_t kWriteThrough = 1 << 3, kCacheDisable = 1 << 4;
constexpr uint64_t kPatSmall = 1 << 7, kPatLarge = 1 << 12;

bool can_change(const void* entry) {
  const auto mapping = arch::find_mapping(reinterpret_cast<uintptr_t>(entry));
  return mapping && mapping->writable;
}

}  // namespace
}  // namespace kernel::x86

namespace kernel::arch {

uint64_t combine_writes(uint64_t virt, uint64_t size, const mm::DirectMap& tables) {
  using namespace x86;  // NOLINT: one function, all about it
  if (!has_pat()) return 0;
  const uint64_t pat = rdmsr(kMsrPat);
  wrmsr(kMsrPat, (pat & ~(uint64_t{0xff} << (8 * kEntry))) | kWriteCombining << (8 * kEntry));
  uint64_t changed = 0;
  uint64_t asked = 0;  // the page of entries that was asked for last
  bool writable = false;
  for (uint64_t at = virt; at < virt + size;) {
    const Leaf leaf = PageTables::find_leaf(at, tables);
    if (leaf.entry == nullptr) break;
    const uint64_t page = uint64_t{1} << leaf.shift;
    const uint64_t start = at & ~(page - 1);
    const bool inside = start >= virt && start + page <= virt + size;
    const uint64_t entry = PageTables::read(leaf);
    const bool uncached = (entry & kCacheDisable) != 0;
    if (const uint64_t page_of = reinterpret_cast<uintptr_t>(leaf.entry) / mm::kPageSize;
        inside && uncached && page_of != std::exchange(asked, page_of)) {
      writable = can_change(leaf.entry);
    }
    if (inside && uncached && writable) {
      const uint64_t bit = leaf.shift == mm::kPageShift ? kPatSmall : kPatLarge;
      PageTables::write(leaf, (entry & ~(kCacheDisable | kWriteThrough)) | bit);
      changed += page;
    }
    at = start + page;
  }
  write_cr3(read_cr3());  // forget the old translations
  return changed;
}

}  // namespace kernel::arch

#include "efi/aarch64/registers.h"
#include "efi/arch.h"
#include "loader/handoff/aarch64/translation.h"

extern "C" {
// From the linker script; hidden, so that no table of addresses is needed to reach them.
[[gnu::visibility(
    "hidden")]] extern const char image_text_start[];  // NOLINT(readability-identifier-naming)
[[gnu::visibility(
    "hidden")]] extern const char image_text_end[];  // NOLINT(readability-identifier-naming)

// switch_worlds.S; in the order of registers.
[[noreturn]] void switch_worlds(uint64_t handoff, uint64_t page_tables, uint64_t entry,
                                uint64_t stack_top, uint64_t tcr, uint64_t mair, uint64_t sctlr,
                                uint64_t cpacr);
}

namespace efi {
namespace {

// What lies in caches is in memory, for whoever reads it past them (Arm ARM, section D7.5).
void clean(mm::Range range) {
  const uint64_t line = uint64_t{4} << (EFI_READ(ctr_el0) >> 16 & 0xf);
  for (uint64_t at = range.start.v & ~(line - 1); at < range.end.v; at += line) {
    asm volatile("dc cvac, %0" : : "r"(at) : "memory");
  }
}

}  // namespace

mm::Range our_text() {
  return {mm::Phys{reinterpret_cast<uintptr_t>(image_text_start)},
          mm::Phys{reinterpret_cast<uintptr_t>(image_text_end)}};
}

std::span<const uint8_t> jump_code() { return {}; }

void enter_kernel(const loader::World& world, uint64_t entry, mm::Range stack, mm::Range text,
                  const loader::PagingFeatures& /*paging*/) {
  const auto& handoff = *reinterpret_cast<const loader::Handoff*>(world.handoff.v);  // NOLINT
  const mm::Phys kernel{handoff.kernel_physical};
  // The kernel was written as data, and other CPUs will read it with caches off; while the MMU is
  // off this one reads its instructions so.
  clean({kernel, kernel + handoff.kernel_size});
  clean(text);
  asm volatile("dsb sy\n\tic ialluis\n\tdsb sy\n\tisb" : : : "memory");
  switch_worlds(world.handoff.v, world.page_tables.v, entry, handoff.direct_map + stack.end.v,
                loader::aarch64::tcr(aarch64::physical_size()), loader::aarch64::kMair,
                loader::aarch64::kSctlr, loader::aarch64::kCpacr);
}

}  // namespace efi

#include "efi/arch.h"
#include "loader/handoff/handoff.h"

extern "C" {
// From the linker script; hidden, so that no table of addresses is needed to reach them.
[[gnu::visibility(
    "hidden")]] extern const char image_text_start[];  // NOLINT(readability-identifier-naming)
[[gnu::visibility(
    "hidden")]] extern const char image_text_end[];  // NOLINT(readability-identifier-naming)

// switch_worlds.S; in the order of registers.
[[noreturn]] void switch_worlds(uint64_t handoff, uint64_t page_tables, uint64_t entry,
                                uint64_t stack_top, uint64_t has_nx);
}

namespace efi {

mm::Range our_text() {
  return {mm::Phys{reinterpret_cast<uintptr_t>(image_text_start)},
          mm::Phys{reinterpret_cast<uintptr_t>(image_text_end)}};
}

std::span<const uint8_t> jump_code() { return {}; }

void enter_kernel(const loader::World& world, uint64_t entry, mm::Range stack, mm::Range /*text*/,
                  const loader::PagingFeatures& paging) {
  const auto& handoff = *reinterpret_cast<const loader::Handoff*>(world.handoff.v);  // NOLINT
  switch_worlds(world.handoff.v, world.page_tables.v, entry, handoff.direct_map + stack.end.v,
                paging.nx ? 1 : 0);
}

}  // namespace efi

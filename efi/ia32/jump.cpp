#include "efi/arch.h"
#include "efi/ia32/registers.h"
#include "loader/handoff/handoff.h"
#include "loader/ia32/page_entry.h"

extern "C" {
// From the linker script; hidden, so that no table of addresses is needed to reach them.
// NOLINTBEGIN(readability-identifier-naming)
[[gnu::visibility("hidden")]] extern const char image_text_start[];
[[gnu::visibility("hidden")]] extern const char image_text_end[];

// switch_worlds.S
[[gnu::visibility("hidden")]] extern const uint8_t jump_start[];
[[gnu::visibility("hidden")]] extern const uint8_t jump_end[];
// NOLINTEND(readability-identifier-naming)
[[noreturn]] void switch_worlds(uint32_t jump, uint32_t handoff, uint32_t page_tables,
                                uint32_t entry, uint32_t stack_top, uint32_t cr4, uint32_t has_nx);
[[noreturn]] void switch_to_long_mode(uint32_t jump, uint32_t handoff, uint32_t page_tables,
                                      uint32_t entry, uint32_t stack_top, uint32_t has_nx);
}

namespace efi {

mm::Range our_text() {
  return {mm::Phys{reinterpret_cast<uintptr_t>(image_text_start)},
          mm::Phys{reinterpret_cast<uintptr_t>(image_text_end)}};
}

std::span<const uint8_t> jump_code() {
  return {jump_start, static_cast<size_t>(jump_end - jump_start)};
}

void enter_kernel(const loader::World& world, uint64_t entry, mm::Range stack, mm::Range text,
                  const loader::PagingFeatures& paging) {
  // All of it lies below 4 GiB, the stack in lowmem; x86-64's kernel is entered in the last 2 GiB.
  const auto word = [](uint64_t value) { return static_cast<uint32_t>(value); };
  const uint32_t nx = paging.nx ? 1 : 0;
  if (paging.levels >= loader::x86_64::PageEntry::kFewestLevels) {
    switch_to_long_mode(word(text.start.v), word(world.handoff.v), word(world.page_tables.v),
                        word(entry), word(stack.end.v), nx);
  }
  uint32_t cr4 = paging.large_pages ? ia32::kCr4Pse : 0;
  if (paging.levels == loader::ia32::kPaeLevels) cr4 = ia32::kCr4Pae;
  switch_worlds(word(text.start.v), word(world.handoff.v), word(world.page_tables.v), word(entry),
                word(loader::kNarrowDirectMap + stack.end.v), cr4, nx);
}

}  // namespace efi

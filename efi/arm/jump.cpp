#include "efi/arch.h"
#include "efi/arm/registers.h"
#include "loader/handoff/arm/translation.h"
#include "loader/handoff/handoff.h"

extern "C" {
// From the linker script; hidden, so that no table of addresses is needed to reach them.
// NOLINTBEGIN(readability-identifier-naming)
[[gnu::visibility("hidden")]] extern const char image_text_start[];
[[gnu::visibility("hidden")]] extern const char image_text_end[];

// switch_worlds.S
[[gnu::visibility("hidden")]] extern const uint8_t jump_start[];
[[gnu::visibility("hidden")]] extern const uint8_t jump_end[];
// NOLINTEND(readability-identifier-naming)
[[noreturn]] void switch_worlds(uint32_t jump, uint32_t handoff, uint32_t ttbr0, uint32_t entry,
                                uint32_t stack_top, uint32_t sctlr);
}

namespace efi {
namespace {

// What lies in caches is in memory, for whoever reads it past them: by address, which reaches every
// cache up to the point of coherency; by set and way it would be this CPU's alone (ARM ARM DDI 0406C,
// section B2.2.6).
void clean(mm::Range range) {
  const uint32_t line = uint32_t{4} << (EFI_READ_CP15(0, c0, c0, 1) >> 16 & 0xf);  // CTR
  for (uint64_t at = mm::align_down(range.start, line).v; at < range.end.v; at += line) {
    EFI_WRITE_CP15(0, c7, c10, 1, at);  // DCCMVAC
  }
}

}  // namespace

mm::Range our_text() {
  return {mm::Phys{reinterpret_cast<uintptr_t>(image_text_start)},
          mm::Phys{reinterpret_cast<uintptr_t>(image_text_end)}};
}

std::span<const uint8_t> jump_code() {
  return {jump_start, static_cast<size_t>(jump_end - jump_start)};
}

void enter_kernel(const loader::World& world, uint64_t entry, mm::Range stack, mm::Range text,
                  const loader::PagingFeatures& paging) {
  const auto& handoff =
      *reinterpret_cast<const loader::Handoff*>(  // NOLINT: the firmware's address
          static_cast<uintptr_t>(world.handoff.v));
  const mm::Phys kernel{handoff.kernel_physical};
  // The kernel was written as data; other CPUs will read it with caches off, and this one the jump.
  clean({kernel, kernel + handoff.kernel_size});
  clean(text);
  asm volatile("dsb" : : : "memory");
  // All of it lies below 4 GiB, the stack in lowmem.
  const uint64_t direct_map = loader::address_space(paging).direct_map;
  const auto word = [](uint64_t value) { return static_cast<uint32_t>(value); };
  switch_worlds(word(text.start.v), word(direct_map + world.handoff.v),
                word(world.page_tables.v) | loader::arm::kWalks, word(entry),
                word(direct_map + stack.end.v), loader::arm::kSctlr);
}

}  // namespace efi

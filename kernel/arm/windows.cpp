// What the kernel has at addresses of its own besides its image: the kmap window, and the page of
// exception vectors (mm/arm/space.h); from the beginning, in the loader's tables.
#include <array>

#include "bsa_registers.h"
#include "kernel/arch.h"
#include "kernel/arm/tables.h"
#include "kernel/highmem.h"
#include "kernel/narrow/kmap.h"
#include "loader/handoff/arm/translation.h"
#include "mm/arm/space.h"

extern "C" char vectors[];  // entry.S NOLINT(readability-identifier-naming)

namespace kernel {
namespace arm {
namespace {

// The last 2 MiB's.
alignas(mm::kPageSize) constinit std::array<uint32_t, 512> vector_tables{};

mm::Phys place_of(const void* at) {
  const auto virt = reinterpret_cast<uintptr_t>(at);
  const auto mapping = arch::find_mapping(virt);
  return mm::Phys{mapping->phys + (virt - mapping->virt)};
}

// As arch/arm/mm/mmu.c's devicemaps_init(): where exceptions come to with SCTLR.V set, read-only.
void map_vectors() {
  constexpr auto kVectors = static_cast<uint32_t>(mm::arm::kVectors.start);
  link_tables(kVectors, place_of(vector_tables.data()));
  (void)map_small_page(kVectors, place_of(vectors), kCode, [] { return mm::Phys{0}; });
  write_sctlr(read_sctlr() | loader::arm::kSctlrHighVectors);
}

}  // namespace
}  // namespace arm

void bsa::open_windows() {
  arm::map_vectors();
  narrow::open_kmap();
}

bool arch::is_kernels(uint64_t virt) {
  for (const mm::VirtualRange& range : mm::arm::kKept) {
    if (range.contains(virt)) return true;
  }
  return false;
}

std::optional<uint64_t> arch::image_alias(uint64_t virt) {
  if (!mm::arm::kVectors.contains(virt)) return std::nullopt;
  return reinterpret_cast<uintptr_t>(vectors) + (virt - mm::arm::kVectors.start);
}

}  // namespace kernel

// The kernel's image: an ELF executable, of 64 bits or of 32, checked before any of it is believed (System V gABI
// chapters 4 and 5, x86-64 psABI).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "loader/arch.h"
#include "loader/handoff/handoff.h"
#include "loader/kernel_note.h"
#include "mm/result.h"
#include "mm/types.h"

namespace loader {

inline constexpr size_t kMaxSegments = 16;  // loadable ones; a linker makes three or four
static_assert(kMaxSegments <= kMaxHandoffSegments);

struct ElfSegment {
  uint64_t virt = 0;  // where it is linked to; need not be page-aligned
  uint64_t size = 0;  // bytes in memory; what the file does not fill is zero
  uint64_t file_offset = 0;
  uint64_t file_size = 0;
  uint32_t flags = 0;  // ELF's: 1 X, 2 W, 4 R

  [[nodiscard]] constexpr uint64_t page_start() const {
    return mm::align_down(virt, mm::kPageSize);
  }
  [[nodiscard]] constexpr uint64_t page_end() const {
    return mm::align_up(virt + size, mm::kPageSize);
  }
};

// A part of the file.
struct FileBytes {
  uint64_t offset = 0, size = 0;
};

// What moves a static PIE (loader/relocations.h).
struct Relocations {
  bool movable = false;  // it is one: it may lie elsewhere than where it is linked to
  FileBytes rela;        // Elf64_Rela
  FileBytes relr;        // Elf64_Relr
};

// What parse_elf() found. Everything below holds for every image it accepts:
//  - a segment's bytes lie inside the file, its pages inside [kKernelBase, 2^64), or with 32 bits
//    the kNarrowKernelSize from kNarrowKernel on; sums do not wrap;
//  - segments are in ascending order, do not overlap, and none is writable and executable;
//  - two segments share a page only when their flags are equal;
//  - the entry point lies in an executable segment;
//  - tables of relocations lie inside the file.
struct ElfImage {
  std::array<ElfSegment, kMaxSegments> storage{};
  size_t count = 0;
  uint64_t entry = 0;  // linked address
  uint64_t start = 0;  // linked range of all segments, whole pages
  uint64_t size = 0;
  ElfKind kind{};
  KernelWishes wishes{};
  Relocations relocations{};

  [[nodiscard]] std::span<const ElfSegment> segments() const { return {storage.data(), count}; }
};

// Where in a 2 MiB page the image must begin so that large pages can map it.
inline constexpr uint64_t kImageAlign = 2 * mm::kMiB;

// Checks a whole file, which must be of the first of these kinds that is as wide as it says; where
// none is, the first refuses it. The error's subject is `name`; its text says which field of which
// header is wrong, its numbers what stands there, or what else it is than a kernel for this loader.
mm::Result<ElfImage> parse_elf(std::span<const uint8_t> file, const char* name,
                               std::span<const ElfKind> kinds = elf_kinds());

// Lays the image out in `memory`, image.size bytes: segments in their places, zeros everywhere
// else.
void load_elf(const ElfImage& image, std::span<const uint8_t> file, std::span<uint8_t> memory);

// The segments as the page tables and the handoff want them, when `image` lies at `physical` (page
// aligned) and runs `offset` behind where it is linked to. Segments that share a page are one. Returns
// how many of `out` are filled.
size_t place_segments(const ElfImage& image, mm::Phys physical,
                      std::span<HandoffSegment, kMaxSegments> out, uint64_t offset = 0);

}  // namespace loader

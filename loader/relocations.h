// How an image is moved from where it is linked to: the relative relocations of a static PIE, which
// are all that it can have (System V gABI, chapter 5, "Dynamic Section" and "Relative Relocation Table";
// x86-64 psABI, section 4.4.1; AAELF64, section 5.7.16).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "loader/elf.h"
#include "mm/result.h"

namespace loader {

// Reads the dynamic section, `dynamic`, of an image whose segments are known; empty: it has none.
// Movable is what its linker marked so (DF_1_PIE). An error of the file
// `name` where it asks for more than to be moved, or where a table does not lie in a segment's bytes.
mm::Result<Relocations> find_relocations(const ElfImage& image, std::span<const uint8_t> dynamic,
                                         const char* name);

// Has an image that load_elf() laid out in `memory` run `offset` (modulo 2^64) behind where it is linked
// to. Must also be called for an offset of 0: words may be all in the relocations.
// An error of the file `name` where one is of a kind that a linker does not leave in a static PIE, or is
// for a word outside of the image.
mm::Result<> relocate(const ElfImage& image, std::span<const uint8_t> file,
                      std::span<uint8_t> memory, uint64_t offset, const char* name);

}  // namespace loader

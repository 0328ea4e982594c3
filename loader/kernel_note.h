// What a kernel's file says of itself: in an ELF note what it asks of the loader (struct baton_note of
// include/baton/handoff.h), or, where it is no kernel for this loader, by which signs others know it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "mm/result.h"
#include "mm/types.h"

namespace loader {

struct KernelWishes {
  uint64_t stack_size = 0;  // bytes, whole pages
  bool kaslr = false;       // to be put where nobody knows beforehand
};

inline constexpr uint64_t kUsualStack = 32 * mm::kKiB;  // twice what is promised
inline constexpr uint64_t kMostStack = mm::kMiB;

// Looks for it among the notes of a PT_NOTE segment (System V gABI, chapter 5, "Note Section"; words
// of 4 bytes in files of either class). Nothing: it is not among them. A note of Baton's that asks for
// another version of the handoff, or for what cannot be given, is an error of the file `name`.
mm::Result<std::optional<KernelWishes>> kernel_wishes(std::span<const uint8_t> notes,
                                                      const char* name);

// Says what it is when a file is of a kind that is known by its first bytes, or by signs that other
// loaders look for, and not for this one: of a file that is no ELF image, or of one without our note.
mm::Result<> refuse_foreign(std::span<const uint8_t> file, const char* name);
mm::Result<> refuse_foreign_elf(std::span<const uint8_t> file, const char* name);

}  // namespace loader

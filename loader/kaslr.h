// KASLR: where a kernel that asks for it is put, so that nobody knows beforehand. Its image's virtual
// address, that image's place in memory and the direct map are drawn by themselves, each from all
// places that it could have.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "loader/arch.h"
#include "loader/efi_memory_map.h"
#include "loader/elf.h"
#include "loader/handoff/handoff.h"
#include "loader/trust/sha256.h"
#include "mm/types.h"

namespace loader {

// Numbers from whatever is hard to guess. What is put in is hashed together (SHA-256), so that a bad
// source takes nothing from a good one.
class RandomPool {
 public:
  // As much as one source gives. More than kMost bytes at once are not looked at.
  static constexpr size_t kMost = 64;
  void add(uint32_t source, std::span<const uint8_t> bytes);  // one of kRandom...
  void add(uint32_t source, uint64_t word);

  // The next number, of all that 64 bits hold.
  [[nodiscard]] uint64_t next();
  [[nodiscard]] uint32_t sources() const { return sources_; }

 private:
  Digest state_{};
  uint64_t drawn_ = 0;
  uint32_t sources_ = 0;
};

// From how many places one is chosen.
struct Choice {
  uint64_t places = 0;

  // Which of them: evenly, but for places / 2^64. 0 also where there is none.
  [[nodiscard]] constexpr uint64_t by(uint64_t number) const {
    return places == 0 ? 0 : number % places;
  }
  // How much of the number that takes, rounded down.
  [[nodiscard]] uint8_t bits() const;
};

// Where the image may be virtually, at multiples of kImageAlign (and what its first address is behind
// one): in the first GiB from kKernelBase on, as Linux's. The offset is modulo 2^64; one that is no
// static PIE, or too large, has its link address only.
[[nodiscard]] Choice image_choice(const ElfImage& image);
[[nodiscard]] uint64_t image_offset(const ElfImage& image, uint64_t which);

// The same in memory: in what the firmware calls free below `end`, but not in the first 16 MiB, where
// is what old devices need. Where some of the memory is more reliable (UEFI 2.10 section 7.2,
// EFI_MEMORY_MORE_RELIABLE), only there, as Linux. Nothing: there are not so many places.
[[nodiscard]] Choice place_choice(const EfiMemoryMap& map, const ElfImage& image, mm::Phys end);
[[nodiscard]] std::optional<mm::Phys> place_of(const EfiMemoryMap& map, const ElfImage& image,
                                               mm::Phys end, uint64_t which);

// Whether those words say what is RAM, or that memory may be unplugged: then the place is the first one,
// not drawn, as chance would lead to where they want nothing to be. Linux 6.9's x86-stub.c does so for mem=
// and memmap=; its boot/compressed/kaslr.c keeps out of what may be unplugged, which is never the first.
[[nodiscard]] bool keeps_place(std::string_view options);

// Whether the map calls that byte free.
[[nodiscard]] bool calls_free(const EfiMemoryMap& map, mm::Phys at);

// How far behind its usual place the direct map is, which holds memory up to `end`: whole GiB, so that
// the largest pages fit as before.
[[nodiscard]] Choice direct_map_choice(const AddressSpace& space, mm::Phys end);
[[nodiscard]] uint64_t direct_map_offset(uint64_t which);

}  // namespace loader

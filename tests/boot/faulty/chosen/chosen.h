// One program with many bends, of which each start takes those that are named in \EFI\BOOT\BENDS.TXT:
// words separated by blanks, some with a number: `stride=64 exit-stale=3` (decimal, or 0x and
// hexadecimal). They are bent in that order; a word that nobody knows is told, and Baton not started.
//
// What a bend does it does to Baton only, where the firmware's own drivers use the same service.
#pragma once

#include <span>

#include "tests/boot/faulty/faulty.h"

namespace faulty::chosen {

struct Bend {
  const char* name;
  EFI_STATUS (*bend)(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton, UINT64 number);
};

std::span<const Bend> map_bends();
std::span<const Bend> memory_bends();
std::span<const Bend> file_bends();
std::span<const Bend> option_bends();
std::span<const Bend> console_bends();
std::span<const Bend> screen_bends();
std::span<const Bend> table_bends();
std::span<const Bend> protocol_bends();
std::span<const Bend> service_bends();

// Whether an address is in Baton's image.
bool in_baton(const void* address);

// An error by its number in UEFI 2.10 appendix D.
constexpr EFI_STATUS error_of(UINT64 number) {
  return static_cast<EFI_STATUS>(number) | EFI_ERROR_MASK;
}

}  // namespace faulty::chosen

// Whether the service that this stands in was called by Baton.
#define CALLED_BY_BATON faulty::chosen::in_baton(__builtin_return_address(0))

#include "kernel/selftest/known_failures.h"

namespace kernel {
namespace {

constexpr KnownFailure kKnown[] = {
    // MdeModulePkg's DXE core shifts the count of pages into bytes without looking for an overflow:
    // 2^52 + 1 pages become one. With 32 bits nobody can ask for that many.
    {"efi.alloc.huge", "EDK II", "EDK II: AllocatePages lets the size in bytes wrap"},
    {"efi.alloc.huge", "Debian distribution of EDK II",
     "EDK II: AllocatePages lets the size in bytes wrap"},
};

}  // namespace

const KnownFailure* known_failure(std::string_view id, const loader::Handoff& handoff) {
  const std::string_view firmware(handoff.names.firmware);
  const bool narrow =
      sizeof(uintptr_t) < sizeof(uint64_t) || (handoff.flags & loader::kHandoffFlagMixed) != 0;
  for (const KnownFailure& known : kKnown) {
    if (narrow) break;  // all of them are of firmware of 64 bits
    if (known.id == id && firmware.substr(0, known.firmware.size()) == known.firmware) {
      return &known;
    }
  }
  return nullptr;
}

}  // namespace kernel

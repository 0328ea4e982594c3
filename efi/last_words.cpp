#include "efi/last_words.h"

#include "efi/x86_64/com1.h"
#include "efi/x86_64/cpu.h"

namespace efi {
namespace {

// The firmware's timers are dead and the TSC's rate is unknown, but an access to port 0x80, where
// nothing listens but a diagnostic card, takes about a microsecond on any PC.
void wait_seconds(unsigned seconds) {
  constexpr uint16_t kDiagnostics = 0x80;
  for (uint64_t i = 0; i < seconds * uint64_t{1'000'000}; ++i) write_port(kDiagnostics, 0);
}

[[noreturn]] void reset(const Firmware& firmware) {
  firmware.system->RuntimeServices->ResetSystem(EfiResetCold, EFI_LOAD_ERROR, 0, nullptr);
  // It must not return. If it does: the reset control register of every PC since the PIIX.
  write_port(0xcf9, 0x02);
  write_port(0xcf9, 0x06);
  for (;;) asm volatile("cli; hlt");
}

}  // namespace

void last_words(const Firmware& firmware, const loader::HandoffFramebuffer& screen,
                const mm::Error& error) {
  disable_interrupts();
  Com1 com1;
  com1.printer().error("baton", error);
  com1.printer().line("baton: resetting the machine");
  static_cast<void>(screen);
  wait_seconds(5);
  reset(firmware);
}

}  // namespace efi

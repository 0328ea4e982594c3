#include "efi/last_words.h"

#include "efi/screen.h"
#include "efi/x86_64/com1.h"
#include "efi/x86_64/cpu.h"

namespace efi {
namespace {

// The firmware's timers are dead and the TSC's rate is unknown. A write to port 0x80, where nothing
// listens but a diagnostic card, takes about a microsecond on any PC, but next to nothing in a
// virtual machine; whose TSC seldom runs slower than 1 GHz. So both must say that it is time.
void wait_seconds(uint64_t seconds) {
  constexpr uint16_t kDiagnostics = 0x80;
  const uint64_t start = read_tsc();
  for (uint64_t i = 0; i < seconds * 1'000'000 || read_tsc() - start < seconds * 1'000'000'000;
       ++i) {
    write_port(kDiagnostics, 0);
  }
}

[[noreturn]] void reset(const Firmware& firmware) {
  firmware.system->RuntimeServices->ResetSystem(EfiResetCold, EFI_LOAD_ERROR, 0, nullptr);
  // It must not return. If it does: the reset control register of every PC since the PIIX.
  write_port(0xcf9, 0x02);
  write_port(0xcf9, 0x06);
  for (;;) asm volatile("cli; hlt");
}

}  // namespace

void last_words(const Firmware& firmware, const loader::HandoffFramebuffer& framebuffer,
                const mm::Error& error) {
  disable_interrupts();
  Com1 com1;
  Screen screen(framebuffer);
  for (const mm::Printer& out : {com1.printer(), screen.printer()}) {
    out.error("baton", error);
    out.line("baton: resetting the machine");
  }
  wait_seconds(3);
  reset(firmware);
}

}  // namespace efi

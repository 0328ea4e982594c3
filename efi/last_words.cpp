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
  reset_by_port();  // it should not have returned
}

}  // namespace

void reset_by_port() {
  // Every PC since the PIIX has it: select a hard reset, then do it.
  constexpr uint16_t kResetControl = 0xcf9;
  write_port(kResetControl, 0x02);
  write_port(kResetControl, 0x06);
  for (;;) asm volatile("cli; hlt");
}

void last_words(const Firmware& firmware, const loader::HandoffFramebuffer& framebuffer,
                const mm::Error& error) {
  disable_interrupts();
  Com1 com1;
  Screen screen(framebuffer);
  for (const mm::Printer& out : {com1.printer(), screen.printer()}) {
    out.error("baton", error);
    out.line("baton: resetting the machine");
  }
  com1.drain();
  wait_seconds(3);
  reset(firmware);
}

}  // namespace efi

#include "efi/last_words.h"

#include "efi/arch.h"
#include "efi/first_serial.h"
#include "efi/screen.h"

namespace efi {
namespace {

[[noreturn]] void reset(const Firmware& firmware) {
  firmware.system->RuntimeServices->ResetSystem(EfiResetCold, EFI_LOAD_ERROR, 0, nullptr);
  reset_hard();  // it should not have returned
}

}  // namespace

void last_words(const Firmware& firmware, const loader::HandoffFramebuffer& framebuffer,
                const mm::Error& error) {
  disable_interrupts();
  FirstSerial serial;
  Screen screen(framebuffer);
  for (const mm::Printer& out : {serial.printer(), screen.printer()}) {
    out.error("baton", error);
    out.line("baton: resetting the machine");
  }
  serial.drain();
  wait_seconds(3);
  reset(firmware);
}

}  // namespace efi

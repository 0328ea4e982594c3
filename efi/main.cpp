#include "efi/configuration.h"
#include "efi/console.h"
#include "efi/files.h"
#include "efi/firmware.h"
#include "version.h"

namespace {

mm::Result<> relay(const efi::Firmware& firmware, const mm::Printer& out, efi::Console& console) {
  efi::stop_watchdog(firmware);
  const efi::Volume volume = BATON_TRY(efi::open_boot_volume(firmware));
  const efi::Configuration configuration =
      BATON_TRY(efi::read_configuration(firmware, volume, out));
  if (configuration.values.timeout != 0) console.wait_for_key(configuration.values.timeout);
  const efi::File kernel = BATON_TRY(volume.read(firmware, configuration.values.kernel));
  out.line("kernel %s %lu options '%s'", configuration.values.kernel, kernel.size, configuration.values.options);
  return {};
}

}  // namespace

extern "C" EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE* system) {
  efi::Firmware firmware{image, system, system->BootServices, nullptr};
  efi::Console console(firmware);
  const mm::Printer out = console.printer();
  out.line("Baton %s (%s)", BATON_VERSION, BATON_BUILD_ID);
  const auto met = efi::meet_firmware(image, system);
  if (!met.ok()) { out.error("baton", met.error()); return EFI_LOAD_ERROR; }
  firmware = met.value();
  const mm::Result<> result = relay(firmware, out, console);
  if (!result.ok()) out.error("baton", result.error());
  return EFI_LOAD_ERROR;
}

// Baton's way through the firmware: from its call of efi_main to the kernel's first instruction.
//
// Until exit_boot_services() every error is an error status to the firmware, which gets back all
// memory but bad pages; from the first attempt on it is last_words(), and so is every CPU exception.
#include <utility>

#include "efi/arch.h"
#include "efi/bad_pages.h"
#include "efi/configuration.h"
#include "efi/console.h"
#include "efi/files.h"
#include "efi/firmware.h"
#include "efi/firmware_phase.h"
#include "efi/first_serial.h"
#include "efi/images.h"
#include "efi/last_run.h"
#include "efi/last_words.h"
#include "efi/map_over_boots.h"
#include "efi/memory_map.h"
#include "efi/menu.h"
#include "efi/protocols/baton.h"
#include "efi/report.h"
#include "efi/tpm.h"
#include "efi/trust.h"
#include "loader/own_directory.h"
#include "version.h"

namespace efi {
namespace {

// What errors point into: it must outlive leave_firmware().
struct Baggage {
  Firmware firmware;
  Configuration configuration;
  Path chosen{"", {}};  // from the menu
};

// What Baton's own kernel comes from, before anything of it runs.
void measure_start(const Tpm& tpm, const Firmware& firmware, const Kernel& kernel,
                   const File& initrd, const Modules& modules, const loader::Config& config) {
  tpm.measure(Pcr::Files, kernel.file.bytes(), "baton: kernel", config.kernel);
  if (initrd.size != 0) tpm.measure(Pcr::Files, initrd.bytes(), "baton: initrd", config.initrd);
  for (size_t i = 0; i < modules.count; ++i) {
    tpm.measure(Pcr::Files, modules.files[i].bytes(), "baton: module", config.modules[i].path);
  }
  tpm.measure_map(firmware);
}

mm::Result<> leave_firmware(Baggage& baggage, Console& console, uint64_t tsc_entry) {
  const Firmware& firmware = baggage.firmware;
  const loader::Config& config = baggage.configuration.values;
  const mm::Printer out = console.printer();

  stop_watchdog(firmware);
  const Volume volume = BATON_TRY(open_boot_volume(firmware));
  const bool told = tell_last_run(firmware, out);
  write_last_report(firmware, out);
  const Trust trust = Trust::meet(firmware, volume, out);
  const Tpm tpm = Tpm::find(firmware, out);
  baggage.configuration = BATON_TRY(read_configuration(firmware, volume, out));
  const auto own = Directory::open(firmware, loader::kOwnDirectory);
  BadPageList listed = read_bad_pages(firmware, volume, tpm, own, config.bad_pages, out);
  const MapOverBoots boots =
      own.ok() ? compare_with_last_boot(firmware, volume, own.value(), listed.ranges(), out)
               : MapOverBoots{};
  const HeldBadPages bad = withhold_bad_pages(firmware, std::move(listed), out);
  const Start start{firmware, volume, trust, tpm, tsc_entry, baggage.chosen, out};
  BATON_TRY(choose_entry(start, baggage.configuration));
  BATON_TRY(trust.confine(firmware, baggage.configuration, out));
  if (asks_for_guard(config.options)) return start_guarded(start);
  tpm.measure(Pcr::Options, config.options, "baton: options", config.options);
  BATON_TRY(choose_width(firmware, volume, baggage.configuration, out));
  if (config.timeout != 0) {
    out.line("starting in {} s, or when a key is pressed", config.timeout);
    console.wait_for_key(config.timeout);
  }

  const FirmwarePhase phase = BATON_TRY(run_firmware_phase(firmware, config.options, boots, out));
  // First the initrd, which may need all the room there is in one piece: the kernel may come anywhere.
  const File initrd = BATON_TRY(load_initrd(firmware, volume, trust, config.initrd, out));
  const Modules modules = BATON_TRY(load_modules(firmware, volume, trust, config, out));
  MemoryMap map = BATON_TRY(get_memory_map(firmware));
  // Before the kernel, which may be put over it.
  if (!told) tell_last_panic(firmware, map.view(), out);
  const Kernel kernel = BATON_TRY(
      load_kernel(firmware, volume, trust, config.kernel, {map, config.options, tsc_entry}, out));
  measure_start(tpm, firmware, kernel, initrd, modules, config);
  Departure departure = BATON_TRY(prepare(firmware, std::move(map), kernel, initrd, config.options,
                                          phase.results(), bad.ranges(), boots.text.view(), out));
  departure.event_log = tpm.event_log(firmware);
  departure.modules = modules.list();
  const loader::HandoffFacts facts = handoff_facts(firmware, departure, tsc_entry);
  out.line("{} at {}: leaving the firmware", config.kernel, kernel.place().start);

  const Farewell farewell = exit_boot_services(firmware, departure.map);
  if (!farewell.attempted)
    return failed("the firmware gives no map to leave with", farewell.failed_call, farewell.status);
  disable_interrupts();
  const LiveState live = live_state();
  take_over_descriptors(firmware, departure.framebuffer);
  if (!farewell.left) {
    last_words(firmware, departure.framebuffer,
               failed("the firmware does not let go (tries {})", farewell.failed_call,
                      farewell.status, farewell.tries));
  }
  FirstSerial serial;
  const mm::Error error = enter_world(firmware, departure, live, kernel, initrd, config.options,
                                      facts, serial.printer());
  last_words(firmware, departure.framebuffer, error);
}

}  // namespace
}  // namespace efi

extern "C" EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE* system) {
  using efi::Baggage, efi::Console, efi::meet_firmware, efi::read_counter, efi::leave_firmware;
  const uint64_t tsc_entry = read_counter();
  Baggage baggage{{image, system, system->BootServices}, {}};
  Console console(baggage.firmware);
  const mm::Printer out = console.printer();
  out.line("Baton {} ({})", BATON_VERSION, BATON_BUILD_ID);

  const auto met = meet_firmware(image, system);
  if (met.ok()) baggage.firmware = met.value();
  const mm::Result<> result =
      met.ok() ? leave_firmware(baggage, console, tsc_entry) : mm::Result<>(met.error());
  out.error("baton", result.error());
  out.line("baton: going back to the firmware");
  return EFI_LOAD_ERROR;
}

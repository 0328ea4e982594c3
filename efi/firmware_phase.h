// The firmware phase of the self-tests: loader/selftest/firmware_tests.h on the real firmware.
#pragma once

#include <span>
#include <string_view>

#include "efi/firmware.h"
#include "efi/map_over_boots.h"
#include "efi/memory.h"
#include "loader/handoff/handoff.h"
#include "mm/print.h"
#include "mm/result.h"

namespace efi {

// What the tests found out, for the handoff.
struct FirmwarePhase {
  Pages storage;
  size_t count = 0;  // 0: no test was asked for

  [[nodiscard]] std::span<const loader::HandoffResult> results() const {
    return {storage.as<const loader::HandoffResult>(), count};
  }
};

// Runs the tests that the options ask for (`selftest`), while boot services are there to be tested.
// Each result is printed as it happens: a machine that hangs does so in the test behind the last
// one that was told.
mm::Result<FirmwarePhase> run_firmware_phase(const Firmware& firmware, std::string_view options,
                                             const MapOverBoots& boots, const mm::Printer& out);

}  // namespace efi

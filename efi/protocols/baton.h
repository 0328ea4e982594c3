// How Baton's own kernel is left to (loader/handoff/handoff.h). Getting ready to leave the firmware:
// all that is needed afterwards is found and allocated while there is still somebody to ask, as large
// as it can become.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "efi/arch.h"
#include "efi/files.h"
#include "efi/firmware.h"
#include "efi/images.h"
#include "efi/memory.h"
#include "efi/memory_map.h"
#include "efi/tables.h"
#include "loader/fdt/machine.h"
#include "loader/handoff/handoff.h"
#include "loader/world.h"
#include "mm/print.h"
#include "mm/result.h"

namespace efi {

// What is packed. Pages whose content must outlive us are reserved by name in the world to come;
// the others are free memory there.
struct Departure {
  MemoryMap map;
  Tables tables;
  Cpu cpu;             // with the paging of the kernel's kind
  bool mixed = false;  // the kernel is wider than the firmware
  loader::HandoffKaslr kaslr{};
  uint64_t direct_map_offset = 0;  // by KASLR
  loader::HandoffFramebuffer framebuffer{};
  loader::HandoffSerial serial{};

  Pages device_storage;  // NamedRange: framebuffer, interrupt controllers
  size_t device_count = 0;
  Pages live_storage;    // Range: the firmware's page tables
  Pages in_use_storage;  // NamedRange: all that is live until the jump
  size_t in_use_count = 0;
  Pages reserved_storage;  // FdtReserved: what the device tree wants left alone
  size_t reserved_count = 0;

  std::span<const loader::HandoffResult> results;  // of the firmware phase
  std::span<const mm::Range> bad_pages;            // that the firmware has
  std::string_view map_changes;                    // since an earlier start
  std::span<const loader::HandoffModule> modules;  // put here before the jump

  Pages event_log;  // the TPM's; empty: there is none

  Pages stack;    // the kernel's first
  Pages jump;     // what replaces the page tables; empty: that runs where it lies
  Pages handoff;  // WorldMemory's
  Pages page_tables;

  [[nodiscard]] std::span<const loader::FdtReserved> reserved() const {
    return {reserved_storage.as<const loader::FdtReserved>(), reserved_count};
  }
  [[nodiscard]] std::span<const loader::NamedRange> devices() const {
    return {device_storage.as<const loader::NamedRange>(), device_count};
  }
  [[nodiscard]] std::span<const loader::NamedRange> in_use() const {
    return {in_use_storage.as<const loader::NamedRange>(), in_use_count};
  }
};

// Finds tables, screen and CPU, and allocates. `map` is a recent one. What is odd about the machine is
// named in `findings`; `results`, the firmware phase's, `bad_pages`, which the kernel is to do without, and
// `map_changes` must stay until the jump.
mm::Result<Departure> prepare(const Firmware& firmware, MemoryMap map, const Kernel& kernel,
                              const File& initrd, const char* options,
                              std::span<const loader::HandoffResult> results,
                              std::span<const mm::Range> bad_pages, std::string_view map_changes,
                              const mm::Printer& findings);

// From exit to the jump: notes what is live, builds the kernel's world in what was packed, and
// enters it. Returns only with an error, after which the firmware can not be gone back to.
// `live` is what the firmware left; CPU exceptions are ours already. `from_firmware` are the
// handoff's facts that only the firmware knew.
mm::Error enter_world(const Firmware& firmware, Departure& departure, const LiveState& live,
                      const Kernel& kernel, const File& initrd, const char* options,
                      const loader::HandoffFacts& from_firmware, const mm::Printer& findings);

// Names, versions, tables and screen for the handoff.
[[nodiscard]] loader::HandoffFacts handoff_facts(const Firmware& firmware,
                                                 const Departure& departure, uint64_t tsc_entry);

}  // namespace efi

// A kernel's first world: reservations, page tables and the handoff, made from the final map.
//
// Everything here happens between ExitBootServices and the jump, or in a host test. It calls no
// firmware and takes no memory: all of it was allocated before, as large as the *_size functions
// say for the map as it was then plus slack for what the firmware may still add.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "loader/acpi/gic.h"
#include "loader/acpi/root.h"
#include "loader/arch.h"
#include "loader/efi_memory_map.h"
#include "loader/handoff/handoff.h"
#include "loader/reach.h"
#include "mm/direct_map.h"
#include "mm/e820.h"
#include "mm/early_res.h"
#include "mm/print.h"
#include "mm/result.h"

namespace loader {

// A range that must not be handed out, and the name it is reserved under (14 characters at most).
struct NamedRange {
  mm::Range range;
  const char* name;
};

// What the world is made from. All physical ranges; spans are only read during build_world().
struct WorldFacts {
  EfiMemoryMap map;                          // final
  std::span<const HandoffSegment> segments;  // of the kernel, page multiples, W^X
  mm::Range kernel;                          // where the image lies: "TEXT DATA BSS"
  mm::Range initrd;                          // empty: none; "RAMDISK"
  mm::Range loader;                          // the loader's own image: "LOADER"
  mm::Range loader_text;                   // its code, which switches page tables: stays executable
  std::span<const NamedRange> in_use;      // stack, firmware page tables, GDT, ...: reserved first
                                           // come, overlaps allowed
  std::span<const AcpiTable> acpi_tables;  // reserved where they lie in RAM, mapped
  std::span<const NamedRange> tables;      // RSDP, SMBIOS, device tree: the same
  std::span<const NamedRange> devices;     // mapped uncached: local APIC, framebuffer
  std::span<const char> map_changes;       // for the handoff
  std::span<const HandoffModule> modules;  // kMaxModules at most: "MODULE"
  PagingFeatures paging;
  uint64_t direct_map_offset = 0;  // behind its usual place (loader/kaslr.h)
  mm::DirectMap reach;             // how physical memory is reached now (identity)
};

// Memory allocated beforehand. Ranges are page-aligned and usable in the final map.
struct WorldMemory {
  mm::Range handoff;      // the Handoff and all arrays but the firmware's map: "HANDOFF"
  mm::Range efi_map;      // holds the final map: "EFI MEMMAP"
  mm::Range page_tables;  // pool: "PGTABLE"; what is not needed is not reserved
};

// What only the application could find out, for the handoff.
struct HandoffFacts {
  bool secure_boot = false;
  bool mixed = false;  // the kernel is wider than the firmware: no page tables for runtime services
  HandoffFirmware firmware{};
  HandoffKaslr kaslr{};
  uint32_t processor_id = 0;
  HandoffFramebuffer framebuffer{};
  HandoffSerial serial{};
  HandoffArray<uint8_t> device_tree{};
  uint64_t tsc_entry = 0;
  HandoffNames names{};
};

// Where addresses end with these page tables on this CPU. Linux's limits: 64 TiB of memory with
// four levels (Documentation/x86/x86_64/mm.rst), and the lower half for runtime services.
[[nodiscard]] Reach reach_of(const PagingFeatures& paging);

// Whether a device can be mapped there, and drawn on or talked to: it ends below `end`, and no byte
// of it is memory. Otherwise it is named, and must be left alone.
[[nodiscard]] bool device_fits(const NamedRange& device, const mm::E820Table& e820, mm::Phys end,
                               const mm::Printer& findings);

// Bytes for WorldMemory::handoff / page_tables when the final map has `descriptors` descriptors
// (slack included) of the memory that facts.map has now, the counts of the facts above, and all modules
// that there can be.
[[nodiscard]] uint64_t handoff_size(size_t descriptors, const WorldFacts& facts,
                                    size_t options_length, size_t results);
[[nodiscard]] uint64_t page_table_pool_size(size_t descriptors, const WorldFacts& facts);

struct World {
  mm::Phys handoff;
  mm::Phys page_tables;  // their root
};

// Findings about the map are printed to `findings`, which must not be the firmware's console. What
// is out of reach is named there and not mapped; it stays in e820, and the kernel does not use it.
// A framebuffer that device_fits() refuses is not handed over. `options` and `results` are copied
// into the handoff. Fails with the name of what does not fit.
mm::Result<World> build_world(const WorldFacts& facts, const WorldMemory& memory,
                              const HandoffFacts& handoff_facts, std::span<const char> options,
                              std::span<const HandoffResult> results, const mm::Printer& findings);

// The most devices that interrupt_controllers() lists. Linux: MAX_IO_APICS is 128.
inline constexpr size_t kMaxInterruptControllers = 128;

struct InterruptControllers {
  size_t count = 0;     // filled
  size_t left_out = 0;  // entries there was no room for
};
// I/O APICs, local APICs and the parts of a GIC that the MADT names (ACPI 6.5 section 5.2.12), as
// devices to map, each once. Addresses are a firmware's claims: see device_fits().
InterruptControllers interrupt_controllers(std::span<const AcpiTable> tables,
                                           const mm::DirectMap& reach,
                                           std::span<NamedRange> devices);

// The same of the GIC that a device tree names.
InterruptControllers interrupt_controllers(const Gic& gic, std::span<NamedRange> devices);

}  // namespace loader

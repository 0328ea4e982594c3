// Self-tests of what the firmware left behind: ACPI tables, SMBIOS, registers, against the memory
// map and each other.
//
// The checks look at bytes and values and nothing else, so that a host test can hand them a machine
// that is wrong in one way.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "loader/acpi/root.h"
#include "loader/handoff/self_test.h"
#include "mm/direct_map.h"
#include "mm/e820.h"
#include "mm/trims.h"

namespace kernel {

struct Booted;
struct ArchFacts;  // what only an architecture's own tests look at: kernel/<arch>/selftest/

// What options did to the map that the firmware gave.
enum MapChange : uint8_t {
  kRamTaken =
      1,  // some RAM is not in it any more: not cached, mem=, memmap=exactmap, memmap=...$...
  kRamAdded = 2,  // something that the firmware did not call RAM is: memmap=...@...
};

struct TableFacts {
  mm::DirectMap map;
  // Whether a physical range may be touched.
  bool (*readable)(const void* context, mm::Range range) = nullptr;
  const void* context = nullptr;

  uint64_t rsdp = 0;          // 0: none
  bool told_by_tree = false;  // there are no ACPI tables, but a device tree
  std::span<const loader::AcpiTable> tables;
  loader::AcpiRoot root;
  const mm::E820Table* e820 = nullptr;  // after the trims
  uint8_t changes = 0;                  // MapChange: how it is not the firmware's
  mm::Trims trims;
  uint64_t smbios = 0;            // entry point; 0: none
  bool smbios_displaced = false;  // where it would stand the kernel itself is: not mapped
  uint32_t smbios_version = 0;
  uint32_t boot_apic_id = 0;
  const ArchFacts* arch = nullptr;  // null: nothing is known
  mm::Phys end{mm::kMaxPhys};       // of what the CPU can address
  std::span<uint64_t>
      scratch;  // room to sort what a table lists; of more than fits no more is said

  [[nodiscard]] bool can_read(uint64_t address, uint64_t size) const {
    return address != 0 && address < mm::kMaxPhys && size <= mm::kMaxPhys - address &&
           readable(context, {mm::Phys{address}, mm::Phys{address + size}});
  }
  // All bytes of the first table of this signature, whatever its checksum; empty: there is none.
  [[nodiscard]] std::span<const uint8_t> table(std::string_view signature) const;
};

struct TableTest {
  loader::SelfTest row;
  loader::Verdict (*check)(const TableFacts& machine);
  uint8_t upset_by = 0;  // MapChange: what may make a sound machine fail
};
// Runs it. Where an option changed the map in a way that upsets the test, a failure says nothing
// about the firmware: then it is skipped, with the reason.
[[nodiscard]] loader::Verdict run_table_test(const TableTest& test, const TableFacts& machine);

// One file's tests, in the order in which they run.
using TableTests = std::span<const TableTest>();
TableTests acpi_root_tests, madt_tests, srat_tests, slit_tests, hmat_tests, cedt_tests, mcfg_tests;
TableTests arch_table_tests, smbios_tests;

// Phases "acpi" and "machine": the files that they consist of.
[[nodiscard]] std::span<TableTests* const> acpi_tests();
[[nodiscard]] std::span<TableTests* const> machine_tests();

// This machine's.
[[nodiscard]] const TableFacts& table_facts(const Booted& machine);

}  // namespace kernel

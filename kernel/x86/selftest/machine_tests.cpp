// What a PC and its CPU make of memory: BIOS areas, MTRRs, holes.
#include "kernel/selftest/table_tests.h"
#include "kernel/x86/selftest/arch_facts.h"
#include "mm/x86_64/e820_trim.h"

namespace kernel {
namespace {

using loader::Severity;
using loader::Verdict;

Verdict check_ebda(const TableFacts& machine) {
  constexpr uint64_t kPointer = 0x40e, kLowest = 0x80000, kEnd = 0xa0000;
  if (!machine.can_read(kPointer, 2)) return Verdict::skip("page 0 is not mapped");
  uint16_t segment = 0;
  __builtin_memcpy(&segment, machine.map.at<const uint8_t>(mm::Phys{kPointer}), sizeof segment);
  const uint64_t ebda = uint64_t{segment} << 4;
  if (ebda < kLowest || ebda >= kEnd) return Verdict::skip("this firmware has no EBDA");
  const mm::E820Entry* entry = machine.e820->find(mm::Phys{ebda});
  if (entry == nullptr || entry->type != mm::E820Type::Ram) return Verdict::pass();
  return Verdict::fail("the EBDA at {:#x} is usable memory", ebda);
}

Verdict check_bios_area(const TableFacts& machine) {
  if (machine.trims.bytes_of(mm::kBiosHole) == 0) return Verdict::pass();
  return Verdict::fail("{} bytes of [0xa0000-0x100000) were called usable",
                       machine.trims.bytes_of(mm::kBiosHole));
}

// The boot CPU's; null where it has none.
const mm::Mtrrs* boot_mtrrs(const TableFacts& machine) {
  if (machine.arch == nullptr) return nullptr;
  const mm::Mtrrs* mtrrs = machine.arch->mtrrs(0);
  return mtrrs->supported ? mtrrs : nullptr;
}

Verdict check_write_back(const TableFacts& machine) {
  const mm::Mtrrs* const mtrrs = boot_mtrrs(machine);
  if (mtrrs == nullptr) return Verdict::skip("the CPU has no MTRRs");
  if (const mm::Range& lost = machine.trims.first_uncached; !lost.empty()) {
    const mm::TypedStretch stretch = mm::memory_type_at(*mtrrs, lost.start);
    return Verdict::fail("RAM at {} is {}: {} KiB are not used", lost.start,
                         mm::memory_type_name(stretch.type),
                         machine.trims.bytes_of(mm::kUncached) / mm::kKiB);
  }
  for (const mm::E820Entry& entry : machine.e820->entries()) {
    if (entry.type != mm::E820Type::Ram) continue;
    for (mm::Phys at = entry.range.start; at < entry.range.end;) {
      const mm::TypedStretch stretch = mm::memory_type_at(*mtrrs, at);
      if (stretch.type != mm::MemoryType::WriteBack) {
        return Verdict::fail("RAM at {} is {}", at, mm::memory_type_name(stretch.type));
      }
      at = stretch.end;
    }
  }
  return Verdict::pass();
}

Verdict check_alike(const TableFacts& machine) {
  const mm::Mtrrs* const boot = boot_mtrrs(machine);
  if (boot == nullptr) return Verdict::skip("the CPU has no MTRRs");
  unsigned compared = 0, reset = 0;
  for (unsigned cpu = 1; cpu < machine.arch->cpus; ++cpu) {
    const mm::Mtrrs* const mtrrs = machine.arch->mtrrs(cpu);
    if (mtrrs == nullptr) continue;
    // INIT leaves them as they are; QEMU's CPUs forget them with it, whatever the firmware wrote.
    if (machine.arch->hypervisor && mtrrs->default_type == 0 && boot->default_type != 0) {
      ++reset;
      continue;
    }
    if (*mtrrs != *boot) return Verdict::fail("CPU {}'s differ from the boot CPU's", cpu);
    ++compared;
  }
  if (reset != 0) {
    return Verdict::skip("the hypervisor reset those of {} CPUs when they were started", reset);
  }
  if (compared == 0) return Verdict::skip("one CPU is up: nothing to compare it with");
  return Verdict::pass();
}

// Address space that a PC keeps from RAM, described or not: the hole below 16 MiB that chipsets
// open for ISA cards, and from the I/O APICs on the APICs, the chipset's registers and the ROM up
// to 4 GiB. RAM that would lie there is moved above 4 GiB.
constexpr mm::Range kNeverRam[] = {{mm::Phys{15 * mm::kMiB}, mm::Phys{16 * mm::kMiB}},
                                   {mm::Phys{0xfec0'0000}, mm::Phys{4 * mm::kGiB}}};

Verdict check_holes(const TableFacts& machine) {
  constexpr uint64_t kSection = 128 * mm::kMiB;
  const mm::E820Entry* before = nullptr;
  for (const mm::E820Entry& entry : machine.e820->entries()) {
    const mm::E820Entry* last = before;
    before = &entry;
    // Below the end of the BIOS area no rule holds.
    if (last == nullptr || last->range.end.v <= mm::kMiB) continue;
    mm::Range hole{last->range.end, entry.range.start};
    if (hole.size() >= kSection) continue;
    bool behind_ram = last->type == mm::E820Type::Ram;
    bool before_ram = entry.type == mm::E820Type::Ram;
    for (const mm::Range& window : kNeverRam) {
      if (window.contains(hole.start)) {
        hole.start = window.end;
        behind_ram = false;
      }
      if (window.start < hole.end && hole.end <= window.end) {
        hole.end = window.start;
        before_ram = false;
      }
    }
    if (!hole.empty() && (behind_ram || before_ram)) {
      return Verdict::fail("nobody describes {}, {} KiB beside RAM", hole, hole.size() / mm::kKiB);
    }
  }
  return Verdict::pass();
}

constexpr TableTest kTests[] = {
    {{"machine.ebda", "the extended BIOS data area is not usable memory", Severity::High,
      "PC BIOS: its segment stands at 0x40e; fwts ebda_region",
      "An OS overwrites what SMM code may use. Firmware vendor."},
     check_ebda,
     kRamAdded},
    {{"machine.bios-area", "[640 KiB, 1 MiB) is not usable memory", Severity::Medium,
      "PC: display memory and option ROMs; Linux takes it out whatever the map says",
      "An OS that believes the map writes into device memory. Firmware vendor."},
     check_bios_area,
     kRamAdded},
    {{"machine.mtrr.write-back", "the CPU caches all RAM", Severity::High,
      "Intel SDM vol. 3A section 12.11: MTRRs make RAM write-back; fwts mtrr",
      "RAM that is not cached is many times slower; Linux drops it. Firmware vendor."},
     check_write_back,
     kRamAdded},
    {{"machine.mtrr.alike", "all CPUs have the same MTRRs", Severity::High,
      "Intel SDM vol. 3A section 12.11.8",
      "CPUs see different memory; anything may be corrupted. "
      "Firmware vendor."},
     check_alike},
    {{"machine.holes", "no hole smaller than a section beside RAM", Severity::Low,
      "Linux counts memory in sections of 128 MiB; UEFI 2.10 section 7.2.3: all memory is "
      "described. The ISA hole below 16 MiB and the APICs' and the ROM's window below 4 GiB are no "
      "memory",
      "RAM was left out of the map, or something uses it silently. Firmware vendor."},
     check_holes,
     kRamTaken | kRamAdded},
};

}  // namespace

std::span<const TableTest> arch_table_tests() { return kTests; }

}  // namespace kernel

// The firmware phase's tests, as both sides of the jump know them: the loader runs them, the kernel
// tells their results. In the handoff a result has the number of its row's id.
#pragma once

#include <array>

#include "loader/handoff/handoff.h"
#include "loader/handoff/self_test.h"

namespace loader {

inline constexpr std::array kFirmwareTestRows{
    // --- The memory map as it stands ---
    SelfTest{"efi.map.form", "descriptors have the specification's form", Severity::Critical,
             "UEFI 2.10 section 7.2.3: version 1, a stride of at least 40 bytes, a size that is a "
             "multiple of it",
             "An OS that believes the map reads garbage as memory. A firmware bug: the board's "
             "vendor."},
    SelfTest{"efi.map.small-buffer", "a small buffer is refused with the size it should have",
             Severity::High, "UEFI 2.10 section 7.2.3: EFI_BUFFER_TOO_SMALL, and the size needed",
             "Loaders find out the map's size this way; they may fail or overrun their buffer. "
             "Firmware vendor."},
    SelfTest{"efi.map.stable", "the same map and key twice in a row", Severity::High,
             "UEFI 2.10 section 7.2.3: the key names the current map; sections 7.4.6: "
             "ExitBootServices wants a current one",
             "ExitBootServices may fail for ever. Something in the firmware allocates on its own, "
             "a driver or a device: unplug, or firmware vendor."},
    SelfTest{"efi.map.alignment", "every range begins on a page", Severity::High,
             "UEFI 2.10 section 7.2.3: PhysicalStart is aligned to 4 KiB",
             "OSes round, and so lose or share a page. Firmware vendor."},
    SelfTest{
        "efi.map.size", "every range has pages, and ends below 2^52", Severity::High,
        "UEFI 2.10 section 7.2.3: NumberOfPages is not 0, the end fits into 64 bits; Intel SDM "
        "vol. 3A section 4.1.4: 52 bits of address at most",
        "An OS may drop the whole map, or compute a size that wraps. Firmware vendor."},
    SelfTest{"efi.map.reach", "the CPU has an address for every range", Severity::High,
             "Intel SDM vol. 2A, CPUID 0x80000008: how many address bits there are; Linux uses no "
             "RAM above 64 TiB with four levels of page tables, and runtime services live in the "
             "lower half",
             "RAM up there is lost, and runtime services that need such a range crash. A guest "
             "with fewer address bits than its host shows the host's reserved ranges. Firmware "
             "vendor, or the guest's CPU model."},
    SelfTest{"efi.map.overlap", "no address has two types", Severity::Critical,
             "UEFI 2.10 section 7.2.3: the map says for each range of memory what it is used for",
             "One OS takes such memory as free, another as reserved; data may be overwritten. "
             "Firmware vendor."},
    SelfTest{"efi.map.order", "ranges ascend", Severity::Low,
             "No rule asks for it (UEFI 2.10 section 7.2.3); Linux sorts",
             "Loaders that take the last range for the end of memory go wrong. Nothing to mend in "
             "the firmware; a loader should sort."},
    SelfTest{"efi.map.gaps", "no small holes that nobody describes", Severity::Medium,
             "UEFI 2.10 section 7.2.3: the map describes all memory, no matter how it is used; a "
             "hole of less than 1 MiB between RAM and RAM, above the BIOS area, is RAM that was "
             "left out",
             "The RAM there is lost, or somebody uses it and does not say so. Firmware vendor."},
    SelfTest{"efi.map.types", "every type is one the specification knows", Severity::Medium,
             "UEFI 2.10 section 7.2.1, memory types: 0 to 15, 0x70000000 and up for vendors",
             "Linux drops such ranges, others take them as reserved. Firmware vendor; with a newer "
             "specification than Baton's, tell Baton."},
    SelfTest{
        "efi.map.attributes", "attributes are known, and RAM can be cached", Severity::High,
        "UEFI 2.10 section 7.2.3: defined attribute bits only; memory an OS gets as RAM can be "
        "mapped write-back",
        "RAM that cannot be cached is many times slower, and atomic operations may not work "
        "in it. Firmware vendor."},
    SelfTest{"efi.map.runtime-flag", "runtime memory, and no other, asks for a virtual address",
             Severity::High,
             "UEFI 2.10 sections 7.2.3 and 8.4: EFI_MEMORY_RUNTIME on runtime services' code and "
             "data, never on memory that an OS gets as RAM",
             "Runtime services (variables, time, reset) crash once an OS has its own page tables, "
             "or overwrite its memory. Firmware vendor."},
    SelfTest{"efi.map.runtime-align", "runtime and ACPI ranges begin on a page", Severity::High,
             "UEFI 2.10 section 2.3.4: regions with EFI_MEMORY_RUNTIME and ACPI memory are aligned "
             "to 4 KiB and a multiple of it",
             "An OS maps them page by page and so maps too much or too little. Firmware vendor."},
    SelfTest{"efi.map.own-image", "our own image is where the map says loaders are",
             Severity::Medium,
             "UEFI 2.10 section 7.2.1, memory types: an application's code is EfiLoaderCode",
             "The map may be wrong about other things in use. Firmware vendor."},
    SelfTest{"efi.map.stack", "the firmware's stack is not free memory", Severity::Critical,
             "UEFI 2.10 section 2.3.4: 128 KiB of stack, in memory that is in use until exit",
             "A loader that allocates there overwrites the return addresses of its own calls. "
             "Firmware vendor."},
    SelfTest{"efi.map.boots", "what a sleeping system needs is where an earlier start found it",
             Severity::Medium,
             "Linux (arch/x86/power/hibernate.c) does not wake up from an image of another memory "
             "map; ACPI's tables, NVS and runtime services are used where they were",
             "Hibernation fails now and then: the system starts anew, and what was open is lost. "
             "Not after a change of hardware or settings, which moves them once. Firmware vendor."},
    // --- Allocating changes the map, and how ---
    SelfTest{"efi.alloc.any", "allocated pages were free, and are nobody else's",
             Severity::Critical,
             "UEFI 2.10 section 7.2.1: AllocatePages gives pages that were available",
             "Memory is given out twice; anything may be overwritten. Firmware vendor."},
    SelfTest{
        "efi.alloc.shows", "an allocation changes the map as it should, and its key",
        Severity::High,
        "UEFI 2.10 section 7.2.3: the map shows the pages with the type asked for, no page "
        "is lost or made, and the key is another",
        "ExitBootServices accepts an old map, and an OS takes as free what is in use. Firmware "
        "vendor."},
    SelfTest{"efi.alloc.address", "AllocateAddress gives that address", Severity::High,
             "UEFI 2.10 section 7.2.1: AllocateAddress, at pages that are free",
             "Loaders that must load at a place fail. Firmware vendor."},
    SelfTest{"efi.alloc.taken", "AllocateAddress refuses what is taken", Severity::Critical,
             "UEFI 2.10 section 7.2.1: EFI_NOT_FOUND where the pages are not free",
             "Two owners for one page. Firmware vendor."},
    SelfTest{"efi.alloc.max", "AllocateMaxAddress stays below", Severity::High,
             "UEFI 2.10 section 7.2.1: the uppermost byte lies at or below the address given",
             "What must lie low (real-mode code, 32-bit DMA) lies where it cannot be reached. "
             "Firmware vendor."},
    SelfTest{"efi.alloc.type", "each type of memory can be had, and shows", Severity::Medium,
             "UEFI 2.10 section 7.2.1: the memory map shows the type that was asked for",
             "An OS reclaims what should stay, or the reverse. Firmware vendor."},
    SelfTest{"efi.alloc.bad-type", "types that do not exist are refused", Severity::Low,
             "UEFI 2.10 section 7.2.1: EFI_INVALID_PARAMETER for types from 16 to 0x6fffffff and "
             "for persistent memory",
             "Such memory is dropped by an OS as unknown. Firmware vendor."},
    SelfTest{"efi.alloc.huge", "more pages than there are is refused", Severity::High,
             "UEFI 2.10 section 7.2.1: EFI_OUT_OF_RESOURCES; sums must not wrap",
             "A wrapped size gives a loader less than it thinks it has. Firmware vendor."},
    SelfTest{"efi.alloc.zero", "an allocation of no pages leaves the map alone", Severity::Low,
             "UEFI 2.10 section 7.2.1: nothing is asked for, so nothing may change",
             "The firmware's list of memory gets empty ranges. Firmware vendor."},
    SelfTest{"efi.alloc.content", "memory given out keeps what is written", Severity::Critical,
             "What a caller writes into its pages is there until it frees them",
             "Two ranges share memory, or it is broken. Run `memtest`; if that passes, firmware "
             "vendor."},
    SelfTest{"efi.free.returns", "freed pages are free again", Severity::High,
             "UEFI 2.10 section 7.2.2: FreePages makes pages available again",
             "Every loader that was tried and failed costs memory. Firmware vendor."},
    SelfTest{"efi.free.unowned", "freeing what is free is refused", Severity::Medium,
             "UEFI 2.10 section 7.2.2: EFI_NOT_FOUND for pages that were not allocated",
             "A double free goes unnoticed. Firmware vendor."},
    SelfTest{"efi.free.unaligned", "freeing at an odd address is refused", Severity::Medium,
             "UEFI 2.10 section 7.2.2: EFI_INVALID_PARAMETER where the address is no page's",
             "A wrong free goes unnoticed. Firmware vendor."},
    SelfTest{"efi.pool.alignment", "pool memory is aligned to 8 bytes and its own", Severity::High,
             "UEFI 2.10 section 7.2.4: eight-byte aligned",
             "Structures in it are misaligned or shared. Firmware vendor."},
    SelfTest{"efi.pool.huge", "more pool than there is memory is refused", Severity::High,
             "UEFI 2.10 section 7.2.4: EFI_OUT_OF_RESOURCES",
             "A driver gets less than it thinks it has. Firmware vendor."},
    SelfTest{"efi.pool.null", "freeing no pool is refused", Severity::Low,
             "UEFI 2.10 section 7.2.5: EFI_INVALID_PARAMETER",
             "A wrong free goes unnoticed. Firmware vendor."},
    // --- Memory Attributes Table ---
    SelfTest{"efi.mat.form", "the Memory Attributes Table can be read", Severity::Medium,
             "UEFI 2.10 section 4.6, Memory Attributes Table: version 1 or 2, a stride of at least "
             "40 bytes, in memory",
             "Without the table an OS maps runtime code writable. A firmware may leave it out; "
             "Windows and Linux want it. Firmware vendor."},
    SelfTest{"efi.mat.sorted", "its entries ascend and do not overlap", Severity::Medium,
             "UEFI 2.10 section 4.6, Memory Attributes Table: sorted by physical start; Linux "
             "refuses the table otherwise",
             "An OS ignores the table, and runtime code stays writable. Firmware vendor."},
    SelfTest{"efi.mat.inside", "its entries lie inside runtime regions", Severity::High,
             "UEFI 2.10 section 4.6, Memory Attributes Table: each entry is a part of one runtime "
             "region of the map, of "
             "the same type",
             "An OS would change permissions of memory that is not the firmware's, and so ignores "
             "the entry. Firmware vendor."},
    SelfTest{"efi.mat.bits", "its attributes are those allowed", Severity::Low,
             "UEFI 2.10 section 4.6, Memory Attributes Table: EFI_MEMORY_RO, XP and RUNTIME only, "
             "and RUNTIME always",
             "An OS does not know what to make of the others. Firmware vendor."},
    SelfTest{
        "efi.mat.wx", "nothing is writable and executable", Severity::Medium,
        "UEFI 2.10 section 4.6, Memory Attributes Table: code is read-only, data not executable",
        "A hole for whoever can write there: kernel code runs what it finds. Firmware "
        "vendor."},
    SelfTest{"efi.mat.coverage", "runtime code is covered completely", Severity::Medium,
             "UEFI 2.10 section 4.6, Memory Attributes Table: the table describes each runtime "
             "region in whole or not at "
             "all, and runtime code always",
             "The rest stays writable and executable. Firmware vendor."},
    // --- What the firmware does for safety ---
    SelfTest{"efi.nx.stack", "the stack is not executable", Severity::Low,
             "Hardening: UEFI CA requirements since 2022 want it; UEFI 2.10 does not",
             "Faults in firmware drivers can be turned into code. Look for a setting, or a newer "
             "firmware."},
    SelfTest{"efi.nx.data", "allocated data is not executable", Severity::Low,
             "Hardening: UEFI CA requirements since 2022 want it; UEFI 2.10 does not",
             "Faults in firmware drivers can be turned into code. Look for a setting, or a newer "
             "firmware."},
    SelfTest{"efi.nx.code", "our code is not writable", Severity::Low,
             "Hardening: UEFI CA requirements since 2022 want images with protected sections",
             "Faults in firmware drivers can change code. Look for a setting, or a newer "
             "firmware."},
    SelfTest{"efi.memory-attribute-protocol", "loaders can protect their own pages", Severity::Low,
             "Hardening: EFI_MEMORY_ATTRIBUTE_PROTOCOL (UEFI 2.10 section 37) is optional",
             "A loader cannot make its kernel's code executable where memory is not by default. "
             "Newer firmware has it."},
    // --- Tables, and what stands in them ---
    SelfTest{"efi.tables.headers", "the service tables' signatures and checksums are right",
             Severity::Medium, "UEFI 2.10 section 4.2: signature, and a CRC32 of header size bytes",
             "Somebody changed a table and did not say so, or it is overwritten. A driver or the "
             "firmware's vendor."},
    SelfTest{"efi.config.entries", "configuration tables have an address and one name each",
             Severity::Medium,
             "UEFI 2.10 section 4.6: GUID and pointer; InstallConfigurationTable replaces an entry "
             "of the same GUID",
             "Which of two tables counts is chance. Firmware vendor."},
    SelfTest{"efi.config.acpi", "there is an ACPI 2.0 table", Severity::Critical,
             "UEFI 2.10 section 4.6.1.1, ACPI 6.5 section 5.2.5.2: the RSDP is found here",
             "An OS finds neither CPUs, nodes nor devices. Look for a setting that switches ACPI "
             "off; firmware vendor."},
    SelfTest{"efi.config.smbios", "there is an SMBIOS table", Severity::Low,
             "UEFI 2.10 section 4.6.1.1, DSP0134 section 5.2.2",
             "Nobody can say which memory module is where. Firmware vendor."},
    SelfTest{"efi.config.placement", "tables lie in memory that an OS keeps", Severity::High,
             "UEFI 2.10 section 2.3.4: ACPI tables in ACPI reclaim, NVS or reserved memory, SMBIOS "
             "in runtime or boot services data",
             "An OS that reuses the memory finds its tables overwritten. Firmware vendor."},
    SelfTest{"efi.runtime.services", "runtime services lie in runtime code", Severity::Critical,
             "UEFI 2.10 sections 4.5 and 7.2: each of the table's functions is in "
             "EfiRuntimeServicesCode, ResetSystem among them",
             "Reset, time and variables crash an OS. Firmware vendor."},
    SelfTest{"efi.esrt", "the table of updatable firmware is sound", Severity::Low,
             "UEFI 2.10 section 23.4: version 1, no more entries than there is room for, types 0 "
             "to 3",
             "Firmware cannot be updated from an OS. Firmware vendor."},
    // --- Services ---
    SelfTest{"efi.rng", "random numbers differ", Severity::Medium,
             "UEFI 2.10 section 37: EFI_RNG_PROTOCOL, which a firmware may leave out",
             "An OS starts with little that cannot be guessed. A CPU with RDRAND, or a virtio-rng "
             "device for a guest."},
    SelfTest{"efi.time", "the clock gives a time that can be", Severity::Low,
             "UEFI 2.10 section 8.3: GetTime, each field in its range",
             "Certificates and file systems go wrong. Set the clock; an empty battery is the usual "
             "cause."},
    SelfTest{"efi.variables.list", "the list of variables ends, and has no name twice",
             Severity::High,
             "UEFI 2.10 section 8.2: GetNextVariableName gives every name once, then EFI_NOT_FOUND",
             "Linux stops listing, or never does. Firmware vendor; resetting its settings may "
             "help."},
    SelfTest{"efi.variables.read", "every listed variable can be read", Severity::Medium,
             "UEFI 2.10 section 8.2: GetVariable says the size, then gives as many bytes",
             "The store of variables is damaged. Reset the firmware's settings; firmware vendor."},
    SelfTest{"efi.variables.missing", "a variable nobody made is not found", Severity::Medium,
             "UEFI 2.10 section 8.2: EFI_NOT_FOUND",
             "An OS takes garbage for a setting. Firmware vendor."},
    SelfTest{"efi.secure-boot", "the Secure Boot variables agree", Severity::Medium,
             "UEFI 2.10 section 3.3: SecureBoot is 1 only with SetupMode 0; switched off is "
             "allowed",
             "Anybody who can write the boot disk decides what runs. Enrol keys and switch it on, "
             "unless you start unsigned programs on purpose."},
    SelfTest{"efi.tcg2", "a TPM can measure what is started", Severity::Low,
             "TCG EFI Protocol Specification: EFI_TCG2_PROTOCOL, which a machine may be without",
             "Disk keys cannot be bound to what was started. Switch the TPM on in the firmware's "
             "settings."},
    SelfTest{"efi.graphics", "the framebuffer holds its mode, is no RAM and can be reached",
             Severity::Medium,
             "UEFI 2.10 section 12.9: the mode's lines fit into the framebuffer's size; it is not "
             "memory an OS gets as RAM, and the CPU has addresses for it",
             "An early console writes where it should not; Baton shows none then. Firmware or "
             "graphics card vendor."},
};
static_assert(kFirmwareTestRows.size() <= kMaxHandoffResults);

// No two ids have one number.
static_assert([] {
  for (size_t i = 0; i < kFirmwareTestRows.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const uint32_t number = self_test_number(kFirmwareTestRows[i].id);
      if (self_test_number(kFirmwareTestRows[j].id) == number) return false;
    }
  }
  return true;
}());

// The row of a number, of whatever build's handoff; null when this build has none.
constexpr const SelfTest* find_firmware_test(uint32_t number) {
  for (const SelfTest& row : kFirmwareTestRows) {
    if (self_test_number(row.id) == number) return &row;
  }
  return nullptr;
}

void there_is_no_such_firmware_test();  // what the compiler names where an id has no row
consteval size_t firmware_test_index(std::string_view id) {
  for (size_t i = 0; i < kFirmwareTestRows.size(); ++i) {
    if (id == kFirmwareTestRows[i].id) return i;
  }
  there_is_no_such_firmware_test();
  return 0;
}

}  // namespace loader

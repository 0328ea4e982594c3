// The handoff: all that the loader tells the kernel, in one struct.
//
// Only fixed-width integers and physical addresses, little endian, so that neither side depends on
// the other's compiler. It lies in its own reservation ("HANDOFF"), with the arrays it points to
// behind it in the same reservation (e820, reservations, ACPI table list, CPU-visible strings,
// self-test results); the copy of the firmware's map lies in the reservation "EFI MEMMAP".
// The kernel is entered at the ELF image's entry point, on x86-64 with
//     rdi = physical address of this struct, which is also readable at identity address rdi,
//     interrupts off, direction flag clear, CR3 = Handoff::page_tables.root, a GDT with flat 64-bit
//     segments that the kernel replaces, a stack of at least 16 KiB, or what the kernel asks for
//     (loader/kernel_note.h), in the reservation "LOADER" and by its address in the direct map,
//     EFER.NXE set where the CPU has NX, CR0.WP set, as many paging levels as the firmware had, four
//     under a firmware of 32 bits;
// on AArch64 with
//     x0 = physical address of this struct, likewise, EL1, all of DAIF masked, SPSel 1, a stack as
//     above; TTBR0_EL1 = Handoff::page_tables and TTBR1_EL1 that plus 2 KiB: one root page, T0SZ and
//     T1SZ 17, 4 KiB granule, four levels, so that virtual addresses are as on x86-64; MAIR_EL1
//     0xffbb4400 (Device-nGnRnE, then Normal: not cached, write-through, write-back);
// on IA-32 with
//     eax = physical address of this struct, which lies in lowmem and is readable in the direct map,
//     interrupts off, direction flag clear, CR3 = Handoff::page_tables, by PAE paging (three levels),
//     or without it (two, CR4.PSE set where the CPU has large pages), EFER.NXE set where the CPU has
//     NX and the tables can say so, CR0.WP set, flat segments that the kernel replaces before anything
//     else, as the GDT they came from is not mapped; a stack as above, in the direct map;
// on ARM32 with
//     r0 = address of this struct in the direct map (which begins where RAM does, in no fixed place),
//     SVC mode, A, I and F masked, MMU and caches on, short descriptors: TTBR0 = Handoff::page_tables
//     for all addresses (TTBCR 0), 16 KiB, SCTLR.TRE 0 and AFE 0, domain 0 a client (DACR 1); a stack
//     as above, in the direct map.
// A kernel takes a handoff only when check() says so; a change of meaning or layout changes
// kHandoffVersion, new fields behind all others only the size. For kernels that are not ours the same is
// said in include/baton/handoff.h and docs/handoff.md.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mm/e820.h"
#include "mm/early_res.h"
#include "mm/result.h"

namespace loader {

inline constexpr uint64_t kHandoffMagic = 0x46464f4e4f544142;  // "BATONOFF", little endian
inline constexpr uint32_t kHandoffVersion = 6;

// Virtual layout the loader's page tables give the kernel.
inline constexpr uint64_t kKernelBase = 0xffff'ffff'8000'0000;       // kernel image, link address
inline constexpr uint64_t kDirectMap4Level = 0xffff'8880'0000'0000;  // Linux's PAGE_OFFSET
inline constexpr uint64_t kDirectMap5Level = 0xff11'0000'0000'0000;
// With KASLR it begins a multiple of 1 GiB behind that, and ends at the latest where Linux has its
// vmemmap (Documentation/arch/x86/x86_64/mm.rst). Ours is there, too.
inline constexpr uint64_t kDirectMapEnd4Level = 0xffff'ea00'0000'0000;
inline constexpr uint64_t kDirectMapEnd5Level = 0xffd4'0000'0000'0000;
// With 32 bits: lowmem in the direct map, two pages of nothing, then the kernel's own, image first.
// So lowmem ends where it ends under Linux 6.1 with physical address extension: at MAXMEM of
// arch/x86/include/asm/pgtable_32_areas.h.
inline constexpr uint64_t kNarrowDirectMap = 0xc000'0000;
inline constexpr uint64_t kNarrowKernel = 0xf700'0000, kNarrowKernelSize = 16 * mm::kMiB;
inline constexpr uint64_t kNarrowLowmem = kNarrowKernel - kNarrowDirectMap - 2 * mm::kPageSize;
// And without that extension, where an entry of the first table is for 4 MiB and not for 2.
inline constexpr uint64_t kNarrowLowmemPlain = kNarrowLowmem - 4 * mm::kMiB;
// On ARM32 it is RAM's beginning that stands at kNarrowDirectMap, a multiple of this; what else the
// kernel has where is in mm/arm/space.h.
inline constexpr uint64_t kNarrowAlign = 2 * mm::kMiB;

// `count` elements of `element_size` bytes at a physical address.
template <class T>
struct HandoffArray {
  uint64_t address;
  uint32_t count;
  uint32_t element_size;  // the loader's sizeof(T)
};
template <class T>
[[nodiscard]] constexpr HandoffArray<T> array_at(mm::Phys start, size_t count) {
  return {start.v, static_cast<uint32_t>(count), sizeof(T)};
}

struct HandoffFramebuffer {
  uint64_t address;  // 0: the firmware has no linear framebuffer
  uint64_t size;     // bytes
  uint32_t width, height;
  uint32_t pixels_per_line;
  uint32_t format;  // EFI_GRAPHICS_PIXEL_FORMAT: 0 RGBX, 1 BGRX, 2 by masks
  uint32_t red_mask, green_mask, blue_mask, reserved_mask;
};

inline constexpr uint32_t kPixelRgbx = 0, kPixelBgrx = 1, kPixelByMasks = 2;

// Bytes of a pixel in a format; 0 when no pixel can be written in it. By masks they are as many as
// the highest bit of any mask needs (UEFI 2.10 section 12.9.2, PixelBitMask).
[[nodiscard]] uint32_t bytes_per_pixel(const HandoffFramebuffer& facts);

// One ACPI table as loader/acpi/root.h lists it.
struct HandoffTable {
  uint64_t address;
  uint32_t length;
  char signature[4];
};

// What a loadable segment of the kernel became; flags are ELF's (1 X, 2 W, 4 R).
struct HandoffSegment {
  uint64_t physical;
  uint64_t virt;
  uint64_t size;  // bytes in memory, page multiple
  uint32_t flags;
  uint32_t zero;
};

// One result of the firmware phase's self-tests; text is NUL-terminated.
struct HandoffResult {
  uint32_t number;   // self_test_number() of the test's id
  uint32_t outcome;  // loader::Outcome
  char facts[248];
};

// What the firmware says of itself and of the tables it leaves.
struct HandoffFirmware {
  uint32_t descriptor_version;  // of its memory map
  uint32_t revision;            // EFI_SYSTEM_TABLE.FirmwareRevision
  uint64_t system_table;        // physical; runtime services are called through it
  uint32_t efi_revision;        // EFI_SYSTEM_TABLE.Hdr.Revision
  uint32_t smbios_version;      // 3, 2, or 0: none
  uint64_t smbios;              // the entry point structure
  uint64_t rsdp;                // 0: none
};

// The serial port to speak on before the kernel has read any table.
struct HandoffSerial {
  uint64_t address;  // an I/O port, or physical, as its kind says
  uint32_t kind;     // kSerial...
  uint32_t zero;
};
inline constexpr uint32_t kSerialNone = 0;
inline constexpr uint32_t kSerial16550 = 1;  // at an I/O port
inline constexpr uint32_t kSerialPl011 = 2;  // Arm PrimeCell UART, its registers in memory

// Where a kernel that asks for it was put by chance (loader/kaslr.h).
struct HandoffKaslr {
  uint64_t image;         // virtual address of the kernel's first page
  uint64_t image_offset;  // how far behind its link address that is, modulo 2^64
  uint32_t state;         // kKaslr...
  uint32_t sources;       // of chance: kRandom..., together
  // Among how many places each was chosen, as a power of two, rounded down.
  uint8_t image_bits;  // virtual
  uint8_t place_bits;  // in memory
  uint8_t direct_map_bits;
  uint8_t zero[5];
};
inline constexpr uint32_t kKaslrNone = 0;  // the kernel does not ask for it, or has 32 bits
inline constexpr uint32_t kKaslrOn = 1;
inline constexpr uint32_t kKaslrRefused = 2;    // by the option nokaslr
inline constexpr uint32_t kRandomFirmware = 1;  // EFI_RNG_PROTOCOL
inline constexpr uint32_t kRandomSeed = 2;      // RDSEED
inline constexpr uint32_t kRandomNumber = 4;    // RDRAND
inline constexpr uint32_t kRandomRndr = 8;      // RNDR
inline constexpr uint32_t kRandomCounter = 16;  // the time: TSC, CNTVCT

// A file that baton.conf's `module` names, whole, in its own reservation ("MODULE").
inline constexpr size_t kMaxModules = 16;
struct HandoffModule {
  uint64_t address;
  uint64_t size;  // bytes
  char name[48];  // NUL-terminated
};

// NUL-terminated ASCII.
struct HandoffNames {
  char loader[16];    // "Baton"
  char version[16];   // "0.1.0"
  char build[48];     // build id
  char firmware[64];  // EFI_SYSTEM_TABLE.FirmwareVendor
};

// Filled by loader::build_world(), with what the application found out (loader::HandoffFacts) in
// it; only tsc_handoff is written later, and the checksum with it.
struct Handoff {
  uint64_t magic;
  uint32_t version;
  uint32_t size;      // sizeof(Handoff)
  uint32_t checksum;  // the 32-bit words of the struct, with this one, sum to 0
  uint32_t flags;     // kHandoffFlag...

  HandoffArray<mm::E820Entry> e820;            // sane
  HandoffArray<mm::Reservation> reservations;  // sorted and disjoint
  HandoffArray<HandoffTable> acpi_tables;      // empty when there is no valid RSDP
  HandoffArray<HandoffResult> results;         // of the firmware phase
  HandoffArray<HandoffSegment> segments;       // of the kernel image

  uint64_t efi_map;  // the firmware's final memory map, byte for byte
  uint64_t efi_map_size;
  uint64_t efi_descriptor_size;
  HandoffFirmware firmware;
  uint64_t runtime_root;  // to call runtime services with; 0: not built

  uint64_t page_tables;      // their root
  uint64_t direct_map;       // virtual address of physical 0 in the direct map (of 32 bits: modulo
                             // 2^32)
  uint32_t paging_levels;    // 4 or 5; 3: PAE; 2: without, or Arm's short descriptors
  uint32_t processor_id;     // APIC id (Arm: packed_mpidr()) of the CPU that made the jump
  uint64_t kernel_physical;  // where the image lies
  uint64_t kernel_size;      // bytes in memory
  uint64_t initrd;           // 0: none
  uint64_t initrd_size;
  HandoffFramebuffer framebuffer;

  uint64_t tsc_entry;      // TSC (Arm: CNTVCT) when the application was entered
  uint64_t tsc_handoff;    // and just before the jump
  uint64_t ap_trampoline;  // one page below 1 MiB kept for starting CPUs; 0: none was free

  uint64_t options;  // NUL-terminated ASCII
  uint32_t options_length;
  uint32_t zero;
  HandoffNames names;
  HandoffSerial serial;
  // The firmware's device tree, in its own reservation ("DEVICE TREE"); empty: there is none.
  HandoffArray<uint8_t> device_tree;
  // What has moved in the firmware's map since an earlier start, in words (loader/map_record.h), ASCII
  // without a NUL; empty: it is not known.
  HandoffArray<char> map_changes;
  HandoffKaslr kaslr;
  HandoffArray<HandoffModule> modules;  // in baton.conf's order
};

inline constexpr uint32_t kHandoffFlagSecureBoot = 1;
inline constexpr uint32_t kHandoffFlagNx = 2;       // the CPU has NX and the tables use it
inline constexpr uint32_t kHandoffFlag1GPages = 4;  // and 1 GiB pages
// The firmware has 32 bits and the kernel 64: there is no runtime_root.
inline constexpr uint32_t kHandoffFlagMixed = 8;

// Two compilers agree on the layout as long as these hold.
static_assert(sizeof(HandoffArray<HandoffTable>) == 16);
static_assert(sizeof(HandoffFirmware) == 40 && sizeof(HandoffNames) == 144);
static_assert(sizeof(HandoffFramebuffer) == 48 && sizeof(HandoffSerial) == 16);
static_assert(sizeof(HandoffTable) == 16);
static_assert(sizeof(HandoffSegment) == 32);
static_assert(sizeof(HandoffResult) == 256);
static_assert(sizeof(HandoffModule) == 64 && offsetof(HandoffModule, name) == 16);
static_assert(sizeof(mm::E820Entry) == 24 && offsetof(mm::E820Entry, type) == 16);
static_assert(sizeof(mm::Reservation) == 32 && offsetof(mm::Reservation, name) == 16);
static_assert(offsetof(Handoff, e820) == 24);
static_assert(offsetof(Handoff, efi_map) == 104);
static_assert(offsetof(Handoff, firmware) == 128);
static_assert(offsetof(HandoffFirmware, system_table) == 8);
static_assert(offsetof(HandoffFirmware, smbios) == 24);
static_assert(offsetof(Handoff, page_tables) == 176);
static_assert(offsetof(Handoff, framebuffer) == 232);
static_assert(offsetof(Handoff, tsc_entry) == 280);
static_assert(offsetof(Handoff, options) == 304);
static_assert(offsetof(Handoff, names) == 320);
static_assert(offsetof(HandoffNames, firmware) == 80);
static_assert(offsetof(Handoff, serial) == 464);
static_assert(offsetof(Handoff, device_tree) == 480);
static_assert(offsetof(Handoff, map_changes) == 496);
static_assert(sizeof(HandoffKaslr) == 32 && offsetof(HandoffKaslr, image_bits) == 24);
static_assert(offsetof(Handoff, direct_map) == 184);  // efi/ia32/switch_worlds.S
static_assert(offsetof(Handoff, kaslr) == 512);
static_assert(offsetof(Handoff, modules) == 544);
static_assert(sizeof(Handoff) == 560);

// What a kernel keeps room for. A loader that has more of it says so while there is a firmware to
// go back to.
inline constexpr size_t kMaxHandoffOptions = 4095;  // characters, without the NUL
inline constexpr size_t kMaxHandoffSegments = 32;
inline constexpr size_t kMaxHandoffResults = 64;
inline constexpr size_t kMaxHandoffMapChanges = 4095;  // characters
// The error's subject is the field that is too large, its numbers how many there are and the most.
mm::Result<> check_room(size_t options_length, size_t segments, size_t results,
                        size_t map_changes_length);

// Sets the checksum of a filled-in handoff.
void seal(Handoff& handoff);
// Whether this is a handoff that this build understands; the error's subject is the field that is
// wrong, its numbers what stands there and what should.
mm::Result<> check(const Handoff& handoff);

}  // namespace loader

// Firmware that fails on purpose: each program in this folder stands in Baton's place on the ESP,
// bends one firmware service, and starts the real Baton (\EFI\BOOT\BATON.EFI) on it.
//
// A program is start.cpp and one file that defines bend(); chosen/ has the bends of that which takes them
// by name. What is an architecture's is in a folder
// called so, or as its kind; library/ is linked where GNU-EFI's cannot be had. When Baton comes back, its status is
// printed: `faulty: Baton came back: Load Error`.
#pragma once

extern "C" {  // GNU-EFI's library does not say so itself
#include <efi.h>
#include <efilib.h>
}

namespace faulty {

// GNU-EFI's CHAR16 is another type in every other version.
inline CHAR16* utf16(const char16_t* text) {
  return reinterpret_cast<CHAR16*>(const_cast<char16_t*>(text));
}

// Whoever has changed the table says so: its checksum is right again.
inline EFI_STATUS seal(EFI_BOOT_SERVICES& services) {
  services.Hdr.CRC32 = 0;
  return services.CalculateCrc32(&services, services.Hdr.HeaderSize, &services.Hdr.CRC32);
}

// Lets GetMemoryMap be `bent`, which may call the true one.
extern EFI_GET_MEMORY_MAP true_get_memory_map;
EFI_STATUS bend_memory_map(EFI_BOOT_SERVICES& services, EFI_GET_MEMORY_MAP bent);

// Bends what is to fail. `baton` is Baton's image, loaded and not yet started.
EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton);

// --- ACPI: the RSDP leads to the XSDT, which leads to the tables ---------------------------------

template <class T>
T& at(UINT64 address) {
  return *reinterpret_cast<T*>(static_cast<UINTN>(address));
}

bool same(const EFI_GUID& a, const EFI_GUID& b);
// Addresses; 0 where there is none.
UINT64 find_rsdp();
UINT64 find_xsdt();
// Where the XSDT has the address of the first table with the signature; null where there is none.
UINT64* table_pointer(const char* signature);
// A table whose bytes were changed is whole again.
void mend_checksum(UINT64 table);
// The MADT becomes one with an entry more.
EFI_STATUS add_madt_entry(EFI_BOOT_SERVICES& services, const UINT8* entry);

// What is said on the serial port by our own hands, when the firmware's console may not be used.
void say_on_serial_port(const char* text);

// Bends every read of a file whose name ends in `name`: the bytes before `good` are given, and for
// what reaches beyond, `beyond` answers instead of the file.
using ReadBeyond = EFI_STATUS (*)(UINTN* size);
EFI_STATUS bend_reads(EFI_BOOT_SERVICES& services, EFI_HANDLE volume, const CHAR16* name,
                      UINTN good, ReadBeyond beyond);

// Bends them to take so much longer, each.
EFI_STATUS bend_reads_slow(EFI_BOOT_SERVICES& services, EFI_HANDLE volume, const CHAR16* name,
                           UINTN microseconds);

// Bends them to fail where more is asked for at once.
EFI_STATUS bend_large_reads(EFI_BOOT_SERVICES& services, EFI_HANDLE volume, const CHAR16* name,
                            UINTN most);

// From the second time on that such a file is read from its beginning, it is another: this byte differs.
EFI_STATUS swap_after_first_read(EFI_BOOT_SERVICES& services, EFI_HANDLE volume, const CHAR16* name,
                                 UINTN byte);

// Bends every write to a file whose name ends in `name`: half is written, and then the volume is
// full.
EFI_STATUS bend_writes(EFI_BOOT_SERVICES& services, EFI_HANDLE volume, const CHAR16* name);

// Leaves a report as a run without a clock does, `lines` long.
EFI_STATUS leave_report(UINT16 lines);

// The same for ExitBootServices: the first `times` calls meet a memory map that has just changed.
// From the first one on, Baton may ask for the memory map and nothing else; what it calls besides
// is told on the serial port.
void bend_exit(EFI_BOOT_SERVICES& services, UINTN times);

// Puts QEMU's standard VGA into a mode of `bits` a pixel, 15, 16 or 24, and lets the firmware's
// graphics output tell so, by masks.
EFI_STATUS bend_pixels(EFI_BOOT_SERVICES& services, UINT16 bits);

// The graphics output of the console; null when there is none.
EFI_GRAPHICS_OUTPUT_PROTOCOL* console_graphics(EFI_BOOT_SERVICES& services);

}  // namespace faulty

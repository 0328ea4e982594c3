// The PE image's header (Microsoft's PE format specification): the linked image is copied to the
// file byte for byte, with this before it, and needs no start code of others. Addresses are
// differences from its own start; sizes are the linker script's (efi.lds).

#define CODE            0x60000020      // code, executable, readable
#define CONSTANTS       0x40000040      // initialized data, readable
#define DATA            0xc0000040      // and writable
#define DISCARDABLE     0x42000040      // and of no use once loaded

.macro section name, start, size, flags
        .ascii  "\name"
        .long   \size - header
        .long   \start - header
        .long   \size - header
        .long   \start - header         // in the file as in memory
        .long   0, 0                    // no relocations, no line numbers
        .short  0, 0
        .long   \flags
.endm

// Numbers of the linker script's: as differences from the header, which is at 0, since the linker
// would have any other relocated with the image.
        .hidden pe_text_size, pe_rodata_size, pe_data_size, pe_rel_size, pe_reloc_size
        .hidden pe_sbat_size, image_end

        .section .pe_header, "a", %progbits
        .globl  image_base
        .hidden image_base
image_base:
header:
        .ascii  "MZ"
        .org    0x3c
        .long   pe - header
pe:     .ascii  "PE\0\0"
        .short  0x1c2                   // Thumb: what UEFI calls ARM; the entry point says by its bit 0 which of the two
        .short  6                       // sections
        .long   0, 0, 0                 // time, symbols
        .short  sections - optional
        .short  0x030e                  // executable, 32 bits, no line numbers, no symbols, no debug
optional:
        .short  0x10b                   // PE32
        .byte   0, 0
        .long   pe_text_size - header
        .long   pe_data_size - header
        .long   0                       // what is zero is in the file too
        .long   efi_entry - header
        .long   image_text_start - header
        .long   image_rodata_start - header
        .long   0                       // any address
        .long   4096, 4096              // alignment in memory, in the file
        .short  0, 0, 0, 0, 0, 0
        .long   0
        .long   image_end - header
        .long   4096                    // headers
        .long   0                       // checksum
        .short  10                      // EFI application
        .short  0x0100                  // NX_COMPAT
        .long   0, 0, 0, 0              // stack and heap: the firmware's
        .long   0
        .long   16                      // directories
        .quad   0, 0, 0, 0, 0
        .long   image_reloc_start - header, 12 // pe_sections.S's block
        .quad   0, 0, 0, 0, 0, 0, 0, 0, 0, 0
sections:
        section ".text\0\0\0", image_text_start, pe_text_size, CODE
        section ".rodata\0", image_rodata_start, pe_rodata_size, CONSTANTS
        section ".data\0\0\0", image_data_start, pe_data_size, DATA
        section ".rel\0\0\0\0", image_rel_start, pe_rel_size, CONSTANTS
        section ".reloc\0\0", image_reloc_start, pe_reloc_size, DISCARDABLE
        section ".sbat\0\0\0", image_sbat_start, pe_sbat_size, CONSTANTS

        .section .note.GNU-stack, "", %progbits

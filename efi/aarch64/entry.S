// Where the firmware enters: efi_entry(x0 image handle, x1 system table), called as UEFI 2.10 section
// 2.3.6 says. The image was linked for address 0 and relocates itself: its addends are 64-bit words
// of its own image (ELF for the Arm 64-bit architecture, section 5.7), and there are no others
// (tools/check_efi).

#define R_AARCH64_RELATIVE 1027

        .text
        .globl  efi_entry
        .hidden efi_entry
        .type   efi_entry, @function
efi_entry:
        adrp    x2, image_base
        add     x2, x2, :lo12:image_base
        adrp    x3, image_rela_start
        add     x3, x3, :lo12:image_rela_start
        adrp    x4, image_rela_end
        add     x4, x4, :lo12:image_rela_end
0:      cmp     x3, x4
        b.hs    1f
        ldp     x5, x6, [x3], #16       // place, type
        ldr     x7, [x3], #8            // addend
        cmp     w6, #R_AARCH64_RELATIVE
        b.ne    0b
        add     x7, x7, x2
        str     x7, [x5, x2]
        b       0b
1:      b       efi_main                // x0 and x1 are as they came
        .size   efi_entry, . - efi_entry

        .section .note.GNU-stack, "", @progbits

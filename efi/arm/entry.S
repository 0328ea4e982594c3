// Where the firmware enters: efi_entry(r0 image handle, r1 system table), called as UEFI 2.10 section
// 2.3.5 says. The image was linked for address 0 and relocates itself: words of its own that hold an
// address in it (ELF for the Arm Architecture, section 5.6.1), and there are no other relocations
// (tools/check_efi). ARM instructions all through: bit 0 of the entry point is clear.

#include "efi/arm/address.inc"

#define R_ARM_RELATIVE 23

        .syntax unified
        .arm
        .text
        .globl  efi_entry
        .hidden efi_entry
        .type   efi_entry, %function
efi_entry:
        push    {r4, r5, r6, lr}
        address r2, image_base
        address r3, image_rel_start
        address r4, image_rel_end
0:      cmp     r3, r4
        bhs     1f
        ldm     r3!, {r5, r6}           // place, type
        and     r6, r6, #0xff
        cmp     r6, #R_ARM_RELATIVE
        bne     0b
        ldr     r6, [r2, r5]
        add     r6, r6, r2
        str     r6, [r2, r5]
        b       0b
1:      pop     {r4, r5, r6, lr}
        b       efi_main                // r0 and r1 are as they came
        .size   efi_entry, . - efi_entry

        .section .note.GNU-stack, "", %progbits

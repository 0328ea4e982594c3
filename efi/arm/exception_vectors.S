// What the CPU enters on an exception between the firmware and the kernel (ARM ARM DDI 0406C, section
// B1.8.1). Nothing returns from here, so that no register is kept.

#include "efi/arm/address.inc"

        .syntax unified
        .arm
        .text
        .globl  exception_vectors
        .hidden exception_vectors
        .balign 32
exception_vectors:
        .irp    vector, 0, 1, 2, 3, 4, 5, 6, 7
        b       vector_\vector
        .endr

// `back`: how far behind the instruction lr is (section B1.8.3).
.macro vector number, back
vector_\number:
        sub     r2, lr, #\back
        mov     r0, #\number
        b       exception_common
.endm
        vector  0, 0                    // reset: nobody comes this way
        vector  1, 4                    // undefined instruction
        vector  2, 4                    // supervisor call
        vector  3, 4                    // prefetch abort
        vector  4, 8                    // data abort
        vector  5, 0                    // not used
        vector  6, 4                    // IRQ
        vector  7, 4                    // FIQ

exception_common:
        cpsid   aif
        address r4, exception_stack
        add     sp, r4, #16384          // of whichever mode this is
        cmp     r0, #4
        mrceq   p15, 0, r1, c5, c0, 0   // DFSR
        mrceq   p15, 0, r3, c6, c0, 0   // DFAR
        mrcne   p15, 0, r1, c5, c0, 1   // IFSR
        mrcne   p15, 0, r3, c6, c0, 2   // IFAR
        b       report_exception        // does not return

        .section .note.GNU-stack, "", %progbits

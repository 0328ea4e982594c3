// What the CPU enters on an exception between the firmware and the kernel (Arm ARM, section D1.3.2).
// Nothing returns from here, so that no register is kept.

        .text
        .globl  exception_vectors
        .hidden exception_vectors
        .balign 2048
exception_vectors:
        .set    vector, 0
        .rept   16
        .balign 128
        mov     x0, #vector
        b       exception_common
        .set    vector, vector + 1
        .endr

        .balign 128
exception_common:
        msr     spsel, #1
        adrp    x4, exception_stack
        add     x4, x4, :lo12:exception_stack
        add     sp, x4, #16384
        mrs     x4, CurrentEL
        cmp     x4, #(2 << 2)
        b.eq    1f
        mrs     x1, esr_el1
        mrs     x2, elr_el1
        mrs     x3, far_el1
        b       report_exception        // does not return
1:      mrs     x1, esr_el2
        mrs     x2, elr_el2
        mrs     x3, far_el2
        b       report_exception

        .section .note.GNU-stack, "", @progbits

// Sweeps of memory under test by the registers of Advanced SIMD (ARM ARM DDI 0406C, section A7.7). The
// only code of the kernel that has such registers: nobody keeps them when a CPU is interrupted, so no
// interrupt may use them. Interface: kernel/bsa/vector_runs.h.
//
// Lengths are multiples of 64 bytes, a line; so are addresses. q0 is what a word holds, q1 what it
// shall hold. Arguments have 8 bytes each: r0 and r1, r2 and r3, then the stack.

    .syntax unified
    .arm
    .arch armv7-a
    .fpu neon

    .macro function name
    .globl \name
    .type \name, %function
    .balign 16
\name:
    .endm
    .macro end name
    .size \name, . - \name
    .endm

    // The value that begins so many bytes above the stack pointer, twice.
    .macro both low, high, from
    vldr \low, [sp, #\from]
    vmov \high, \low
    .endm
    // Whether the line at `at`, which stays, does not hold q0. Takes r3 and ip.
    .macro differs at
    vld1.64 {d4, d5, d6, d7}, [\at :256]
    add ip, \at, #32
    vld1.64 {d16, d17, d18, d19}, [ip :256]
    vceq.i32 q2, q2, q0
    vceq.i32 q3, q3, q0
    vceq.i32 q8, q8, q0
    vceq.i32 q9, q9, q0
    vand q2, q2, q3
    vand q8, q8, q9
    vand q2, q2, q8
    vand d4, d4, d5
    vmov r3, ip, d4
    and r3, r3, ip
    cmn r3, #1
    .endm
    .macro store at, low, high
    add ip, \at, #32
    vst1.64 {\low, \high}, [\at :128]
    vst1.64 {\low, \high}, [ip :128]
    add ip, \at, #16
    vst1.64 {\low, \high}, [ip :128]
    add ip, \at, #48
    vst1.64 {\low, \high}, [ip :128]
    .endm

    .text
    // Sets FPEXC.EN; MVFR1 is what there is. Access is open (CPACR).
    function enable_neon
    vmrs r0, fpexc
    orr r0, r0, #1 << 30
    vmsr fpexc, r0
    vmrs r0, mvfr1
    bx lr
    end enable_neon

    // fill(at, bytes, value)
    function vector_fill_neon
    both d0, d1, 0
    add r2, r0, r2
1:  cmp r0, r2
    bxhs lr
    store r0, d0, d1
    add r0, r0, #64
    b 1b
    end vector_fill_neon

    // copy(to, from, bytes)
    function vector_copy_neon
    ldr r1, [sp]
    add r1, r0, r1
1:  cmp r0, r1
    bxhs lr
    vld1.64 {d4, d5, d6, d7}, [r2 :256]!
    vld1.64 {d16, d17, d18, d19}, [r2 :256]!
    vst1.64 {d4, d5, d6, d7}, [r0 :256]!
    vst1.64 {d16, d17, d18, d19}, [r0 :256]!
    b 1b
    end vector_copy_neon

    // same(at, bytes, value)
    function vector_same_neon
    both d0, d1, 0
    mov r1, r0
    add r2, r0, r2
1:  cmp r1, r2
    bhs 2f
    differs r1
    addeq r1, r1, #64
    beq 1b
2:  sub r0, r1, r0
    mov r1, #0
    bx lr
    end vector_same_neon

    // turn_up(at, bytes, before, after)
    function vector_turn_up_neon
    both d0, d1, 0
    both d2, d3, 8
    mov r1, r0
    add r2, r0, r2
1:  cmp r1, r2
    bhs 2f
    differs r1
    bne 2f
    store r1, d2, d3
    add r1, r1, #64
    b 1b
2:  sub r0, r1, r0
    mov r1, #0
    bx lr
    end vector_turn_up_neon

    // turn_down(at, bytes, before, after)
    function vector_turn_down_neon
    both d0, d1, 0
    both d2, d3, 8
    add r2, r0, r2
    mov r1, r2
1:  cmp r1, r0
    bls 2f
    sub r1, r1, #64
    differs r1
    bne 3f
    store r1, d2, d3
    b 1b
3:  add r1, r1, #64
2:  sub r0, r2, r1
    mov r1, #0
    bx lr
    end vector_turn_down_neon

    .section .note.GNU-stack, "", %progbits

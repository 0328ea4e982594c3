// switch_worlds(x0 handoff, x1 root of page tables, x2 entry, x3 top of stack, x4 TCR, x5 MAIR,
// x6 SCTLR, x7 CPACR)
//
// The form of the tables changes with them (TCR), so the MMU is off meanwhile; and no data is read or
// written, which would be past the caches. Everything here lies at its own address in both worlds.

#include "loader/handoff/aarch64/enter_el1.inc"

        .text
        .globl  switch_worlds
        .hidden switch_worlds
        .type   switch_worlds, @function
switch_worlds:
        msr     daifset, #0xf
        enter_el1 x9, x10
        msr     spsel, #1
        mrs     x9, sctlr_el1
        bic     x9, x9, #1              // M
        msr     sctlr_el1, x9
        isb
        msr     mair_el1, x5
        msr     tcr_el1, x4
        msr     ttbr0_el1, x1
        add     x9, x1, #2048           // the root's upper half
        msr     ttbr1_el1, x9
        msr     cpacr_el1, x7
        isb
        tlbi    vmalle1
        dsb     nsh
        ic      iallu
        dsb     nsh
        isb
        msr     sctlr_el1, x6
        isb

        mov     sp, x3
        mov     x29, #0                 // the outermost frame
        mov     x30, #0                 // nobody to return to
        br      x2
        .size   switch_worlds, . - switch_worlds

        .section .note.GNU-stack, "", @progbits

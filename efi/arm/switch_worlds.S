// switch_worlds(r0 jump, r1 handoff, r2 TTBR0, r3 entry, top of stack, SCTLR): the last of ours.
//
// What it jumps to was copied to the page `jump` (efi/protocols/baton.cpp), which alone is at its own
// address in both worlds. Form, domains and memory types of the tables may change with them, so the MMU
// is off meanwhile, and no data is read or written, which would be past the caches. That page has been
// cleaned to memory, from which it is fetched then (ARM ARM DDI 0406C, sections B2.2.9 and B3.2.1).

        .syntax unified
        .arm
        .text
        .globl  switch_worlds
        .hidden switch_worlds
        .type   switch_worlds, %function
switch_worlds:
        cpsid   aif
        ldr     r4, [sp]
        ldr     r5, [sp, #4]
        bx      r0
        .size   switch_worlds, . - switch_worlds

        .globl  jump_start, jump_end
        .hidden jump_start, jump_end
jump_start:
        dsb
        mrc     p15, 0, r6, c1, c0, 0
        bic     r6, r6, #5              // M, C
        mcr     p15, 0, r6, c1, c0, 0
        isb
        mov     r7, #0
        mcr     p15, 0, r7, c2, c0, 2   // TTBCR: short descriptors, all by TTBR0
        mcr     p15, 0, r2, c2, c0, 0   // TTBR0
        mov     r8, #1                  // kDomains
        mcr     p15, 0, r8, c3, c0, 0   // DACR
        isb
        mcr     p15, 0, r7, c8, c7, 0   // TLBIALL: what the other tables said
        mcr     p15, 0, r7, c7, c5, 0   // ICIALLU: what was written as data, the kernel, is fetched
        mcr     p15, 0, r7, c7, c5, 6   // BPIALL
        dsb
        isb
        mcr     p15, 0, r5, c1, c0, 0
        isb
        mov     sp, r4
        mov     r0, r1
        mov     fp, #0                  // the outermost frame
        mov     lr, #0                  // nobody to return to
        bx      r3
jump_end:

        .section .note.GNU-stack, "", %progbits
